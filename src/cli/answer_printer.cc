#include "cli/answer_printer.h"

#include <cstdio>

#include "cli/output.h"

namespace stapes::cli {
namespace {

constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kPlain = "\x1b[0m";

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
      write_stdout(delta.text);
    } else {
      thinking_ = true;
      write_stderr(delta.text);
    }
    return;
  }
  if (thinking_) end_thinking();
  answering_ = true;
  write_stdout(delta.text);
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
