#include "serve/openai/request_error.h"

#include <nlohmann/json.hpp>

namespace stapes::serve {
namespace {

struct Kind {
  int status;
  const char* type;
  const char* code;  // empty: null
};

constexpr const char* kClientFault = "invalid_request_error";

// What a field of the body is wrong about is the client's fault, whatever the code says elsewhere.
Kind kind_of_field(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidAudio:
      return {400, kClientFault, "invalid_audio"};
    case ErrorCode::kTooLarge:
      return {413, kClientFault, "too_large"};
    case ErrorCode::kUnsupported:
      return {400, kClientFault, "unsupported"};
    case ErrorCode::kNotFound:
      return {400, kClientFault, "not_found"};
    case ErrorCode::kIo:
      return {400, kClientFault, "cannot_be_read"};
    default:
      return {400, kClientFault, ""};
  }
}

Kind kind_of_engine(ErrorCode code) {
  switch (code) {
    case ErrorCode::kTooLarge:
      return {400, kClientFault, "context_length_exceeded"};
    case ErrorCode::kBusy:
      return {429, "rate_limit_error", "busy"};
    case ErrorCode::kCancelled:
      return {503, "server_error", "stopping"};
    case ErrorCode::kInvalidModel:
    case ErrorCode::kIo:
      return {500, "server_error", ""};
    default:
      break;
  }
  return kind_of_field(code);
}

ErrorReply reply(const Kind& kind, const std::string& message, const std::string& param) {
  // What went wrong here is nobody's business there: it may name files.
  const bool hidden = kind.status == 500;
  return {kind.status,
          error_json(hidden ? "the server failed to answer; its log says why" : message, kind.type,
                     param, kind.code)};
}

}  // namespace

std::string error_json(const std::string& message, const std::string& type,
                       const std::string& param, const std::string& code) {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
  };
  const nlohmann::ordered_json body = {
      {"error",
       {{"message", message}, {"type", type}, {"param", or_null(param)}, {"code", or_null(code)}}}};
  return body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

ErrorReply error_reply(const std::exception& error) {
  if (const auto* of_field = dynamic_cast<const RequestError*>(&error))
    return reply(kind_of_field(of_field->code()), error.what(), of_field->param());
  if (const auto* known = dynamic_cast<const Error*>(&error))
    return reply(kind_of_engine(known->code()), error.what(), "");
  return reply({500, "server_error", ""}, "", "");
}

}  // namespace stapes::serve
