#include "cli/answer_printer.h"

#include <cstdio>
#include <string>

#include "cli/output.h"

namespace stapes::cli {
namespace {

constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kPlain = "\x1b[0m";

bool is_control(unsigned char byte) {
  return (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f;
}

// What a model writes is not to be obeyed by a terminal: C0 and C1 controls (the latter are
// U+0080..U+009F, in UTF-8 C2 80..C2 9F) become spaces.
std::string without_controls(std::string_view text) {
  std::string shown(text);
  for (size_t i = 0; i < shown.size(); ++i) {
    const auto byte = static_cast<unsigned char>(shown[i]);
    const bool c1 =
        byte == 0xc2 && i + 1 < shown.size() && static_cast<unsigned char>(shown[i + 1]) < 0xa0;
    if (c1) shown[i + 1] = ' ';
    if (c1 || is_control(byte)) shown[i] = ' ';
  }
  return shown;
}

void write_stderr(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

AnswerPrinter::~AnswerPrinter() {
  if (!terminal_ || !thinking_) return;
  std::fwrite(kPlain.data(), 1, kPlain.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

void AnswerPrinter::print(const Delta& delta) {
  if (delta.thinking) {
    if (terminal_) {
      if (!thinking_) write_stdout(kDim);
      thinking_ = true;
      write_stdout(without_controls(delta.text));
    } else {
      thinking_ = true;
      write_stderr(delta.text);
    }
    return;
  }
  if (thinking_) end_thinking();
  answering_ = true;
  write_stdout(terminal_ ? without_controls(delta.text) : delta.text);
}

void AnswerPrinter::finish() {
  if (thinking_) end_thinking();
  if (answering_) write_stdout("\n");
  answering_ = false;
}

void AnswerPrinter::end_thinking() {
  thinking_ = false;
  if (terminal_) {
    write_stdout(kPlain);
    write_stdout("\n\n");
  } else {
    write_stderr("\n");
  }
}

}  // namespace stapes::cli
