#include "stapes/error.h"

namespace stapes {
namespace {

struct Statuses {
  int exit;
  int http;
};

Statuses statuses(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kUsage: return {64, 400};
    case ErrorCode::kNotFound: return {66, 404};
    case ErrorCode::kInvalidAudio: return {65, 400};
    case ErrorCode::kInvalidText: return {65, 400};
    case ErrorCode::kInvalidModel: return {65, 500};
    case ErrorCode::kInvalidData: return {65, 400};
    case ErrorCode::kTooLarge: return {65, 413};
    case ErrorCode::kUnsupported: return {69, 501};
    case ErrorCode::kIo: return {74, 500};
    case ErrorCode::kBusy: return {75, 429};
    case ErrorCode::kCancelled: return {130, 499};
  }
  return {70, 500};
}

}  // namespace

int exit_status(ErrorCode code) noexcept {
  return statuses(code).exit;
}

int http_status(ErrorCode code) noexcept {
  return statuses(code).http;
}

}  // namespace stapes
