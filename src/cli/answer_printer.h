// Shows an answer as it is generated.
#pragma once

#include <string_view>

#include "stapes/engine.h"

namespace stapes::cli {

// On a terminal: the thinking dimmed, an empty line, the answer. Elsewhere the answer alone goes to
// standard output, which is what a script reads, and the thinking to standard error.
class AnswerPrinter {
 public:
  explicit AnswerPrinter(bool terminal) : terminal_(terminal) {}
  AnswerPrinter(const AnswerPrinter&) = delete;
  AnswerPrinter& operator=(const AnswerPrinter&) = delete;
  // A terminal is never left dimmed, whatever went wrong.
  ~AnswerPrinter();

  // Throws kIo where standard output cannot be written.
  void print(const Delta& delta);
  // Ends the last line.
  void finish();

 private:
  void end_thinking();

  bool terminal_;
  bool thinking_ = false;  // the last delta was of the thinking
  bool answering_ = false;
};

}  // namespace stapes::cli
