// For tests: a server's facts, sounds as clients send them, and what was refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "serve/openai/chat_request.h"
#include "serve/openai/json_body.h"
#include "serve/openai/request_error.h"
#include "serve/openai/server_facts.h"

namespace stapes::serve::testing {

inline ModelFacts facts() {
  ModelFacts facts;
  facts.id = "tiny";
  facts.context_tokens = 4096;
  facts.seed = 7;
  return facts;
}

inline void append_number(std::string& out, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>((value >> (8 * i)) & 0xFF));
}

// 8 bit, mono, silence. claimed_samples: what the header says, if not the truth.
inline std::string wav(double seconds, int rate_hz = 1000, int64_t claimed_samples = -1) {
  const auto samples = static_cast<uint32_t>(seconds * rate_hz + 0.5);
  const uint32_t claimed = claimed_samples < 0 ? samples : static_cast<uint32_t>(claimed_samples);
  std::string out = "RIFF";
  append_number(out, 36 + claimed, 4);
  out += "WAVEfmt ";
  append_number(out, 16, 4);
  append_number(out, 1, 2);
  append_number(out, 1, 2);
  append_number(out, static_cast<uint32_t>(rate_hz), 4);
  append_number(out, static_cast<uint32_t>(rate_hz), 4);
  append_number(out, 1, 2);
  append_number(out, 8, 2);
  out += "data";
  append_number(out, claimed, 4);
  return out + std::string(samples, '\x80');
}

inline std::string base64(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j)
      bits = (bits << 8) | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0);
    for (size_t j = 0; j < 4; ++j)
      out += i + j > bytes.size() ? '=' : kAlphabet[(bits >> (18 - 6 * j)) & 63];
  }
  return out;
}

inline Json audio_part(std::string_view bytes) {
  return {{"type", "input_audio"}, {"input_audio", {{"data", base64(bytes)}, {"format", "wav"}}}};
}

struct Refusal {
  ErrorCode code{};
  std::string message = "nothing was refused";
  std::string param;
};

template <typename Action>
Refusal refusal_of(const Action& action) {
  try {
    action();
  } catch (const RequestError& error) {
    return {error.code(), error.what(), error.param()};
  } catch (const Error& error) {
    return {error.code(), error.what(), "(an Error without a field)"};
  }
  return {};
}

inline ChatRequest parse(const Json& body, const AudioPolicy& policy = {}) {
  return parse_chat_request(body.dump(), policy, facts());
}

// One question, and more fields.
inline Json question(const Json& more = Json::object()) {
  Json body = {{"messages", Json::array({{{"role", "user"}, {"content", "Which digits?"}}})}};
  body.update(more);
  return body;
}

inline Json with_messages(Json messages) {
  return {{"messages", std::move(messages)}};
}

}  // namespace stapes::serve::testing
