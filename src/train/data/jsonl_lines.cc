#include "train/data/jsonl_lines.h"

#include "base/fail.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

std::ifstream open_regular(const fs::path& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  if (!fs::exists(status)) fail(ErrorCode::kNotFound, "no such file: {}", path.string());
  if (!fs::is_regular_file(status))
    fail(ErrorCode::kIo, "{} is not a regular file; lines are read from it more than once",
         path.string());
  std::ifstream in(path, std::ios::binary);
  if (!in) fail(ErrorCode::kIo, "cannot read {}", path.string());
  return in;
}

constexpr int kEnd = std::char_traits<char>::eof();

[[noreturn]] void reject_long_line(const fs::path& path, size_t number) {
  fail(ErrorCode::kInvalidData, "{}:{}: the line is longer than {} MiB", path.string(), number,
       JsonlLines::kLongestLineBytes >> 20);
}

}  // namespace

JsonlLines::JsonlLines(const fs::path& path) : path_(path), in_(open_regular(path)) {}

bool JsonlLines::next() {
  while (read_line())
    if (text_.find_first_not_of(" \t\r") != std::string::npos) return true;
  return false;
}

bool JsonlLines::read_line() {
  offset_ = bytes_;
  ++number_;
  text_.clear();
  std::streambuf& buffer = *in_.rdbuf();
  for (int next = buffer.sbumpc(); next != kEnd; next = buffer.sbumpc()) {
    const auto byte = static_cast<unsigned char>(next);
    ++bytes_;
    hash_ = (hash_ ^ byte) * 0x100000001b3ULL;
    if (byte == '\n') return true;
    text_.push_back(static_cast<char>(byte));
    if (text_.size() > kLongestLineBytes) reject_long_line(path_, number_);
  }
  return bytes_ > offset_;
}

std::string read_line_at(const fs::path& path, uint64_t offset, size_t number) {
  std::ifstream in = open_regular(path);
  in.seekg(static_cast<std::streamoff>(offset));
  std::string text;
  std::streambuf& buffer = *in.rdbuf();
  for (int next = buffer.sbumpc(); next != kEnd && next != '\n'; next = buffer.sbumpc()) {
    text.push_back(static_cast<char>(next));
    if (text.size() > JsonlLines::kLongestLineBytes) reject_long_line(path, number);
  }
  if (text.empty())
    fail(ErrorCode::kInvalidData, "{}:{}: the line is gone; the file was changed", path.string(),
         number);
  return text;
}

}  // namespace stapes::train
