#include "cli/output.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/fail.h"

namespace stapes::cli {

void write_stdout(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    fail(ErrorCode::kIo, "cannot write to standard output: {}", std::strerror(errno));
}

void write_stdout_line(const nlohmann::ordered_json& value) {
  using Json = nlohmann::ordered_json;
  write_stdout(value.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n');
}

bool stdout_is_terminal() {
  return ::isatty(STDOUT_FILENO) == 1;
}

std::string read_stdin(size_t limit_bytes) {
  std::string contents;
  std::array<char, size_t{1} << 16> block;
  size_t got = 0;
  while ((got = std::fread(block.data(), 1, block.size(), stdin)) > 0) {
    contents.append(block.data(), got);
    if (contents.size() > limit_bytes)
      fail(ErrorCode::kTooLarge, "standard input has more bytes than the limit of {}", limit_bytes);
  }
  if (std::ferror(stdin) != 0)
    fail(ErrorCode::kIo, "cannot read standard input: {}", std::strerror(errno));
  return contents;
}

}  // namespace stapes::cli
