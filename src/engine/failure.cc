#include "engine/failure.h"

#include <new>
#include <stdexcept>

namespace stapes {

Failure Failure::current() {
  Failure failure;
  try {
    throw;
  } catch (const Error& error) {
    failure.code_ = error.code();
    failure.words_ = error.what();
  } catch (const std::bad_alloc&) {
    failure.out_of_memory_ = true;
  } catch (const std::exception& error) {
    failure.words_ = error.what();
  } catch (...) {
    failure.words_ = "something was thrown that is no exception";
  }
  return failure;
}

void Failure::raise() const {
  if (code_) throw Error(*code_, words_);
  if (out_of_memory_) throw std::bad_alloc();
  throw std::runtime_error(words_);
}

}  // namespace stapes
