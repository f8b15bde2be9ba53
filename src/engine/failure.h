// What went wrong on one thread, to be thrown on another.
#pragma once

#include <optional>
#include <string>

#include "stapes/error.h"

namespace stapes {

// Keeps what an exception says and throws it as an object of its own each time: threads that share
// one exception object would also share its destruction. Error stays Error with its code, bad_alloc
// stays bad_alloc, others become a std::runtime_error with the same words.
class Failure {
 public:
  // Of the exception that is being handled.
  static Failure current();
  [[noreturn]] void raise() const;

 private:
  std::optional<ErrorCode> code_;
  bool out_of_memory_ = false;
  std::string words_;
};

}  // namespace stapes
