// The one exception type that Stapes throws for what a user, a file or the network can cause.
// Bugs of our own abort instead (base/check.h).
#pragma once

#include <stdexcept>
#include <string>

namespace stapes {

enum class ErrorCode {
  kUsage,        // the command line or a request field is wrong
  kNotFound,     // a file, folder, model or field that was named does not exist
  kInvalidAudio, // not audio, or audio that cannot be used
  kInvalidText,  // text that is not UTF-8, empty where it may not be, ...
  kInvalidModel, // config, tokenizer or tensors of a model are not what they must be
  kInvalidData,  // a training or evaluation file is not what it must be
  kTooLarge,     // over a stated limit
  kUnsupported,  // well formed, but this build or this machine cannot do it
  kIo,           // reading or writing failed (disk full, permission, broken pipe)
  kBusy,         // too much to do at the moment; the same may succeed later
  kCancelled,    // stopped on request
};

// One plain sentence: what was expected, what came, in which file or field.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& sentence) : std::runtime_error(sentence), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

// The one table from a code to a process exit status (sysexits-like, never 0) and an HTTP status.
int exit_status(ErrorCode code) noexcept;
int http_status(ErrorCode code) noexcept;

}  // namespace stapes
