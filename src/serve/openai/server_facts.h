// What the conversion of requests has to know of the server and of its model.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "stapes/engine.h"

namespace stapes::serve {

// Where thinking appears. Never in two places.
enum class ReasoningFormat : uint8_t {
  kReasoningContent,  // in a field of its own
  kInContent,         // in the content, between <think> and </think>
  kHidden,
};

struct ModelFacts {
  std::string id = "stapes";   // of the one model that is served
  SamplingOptions sampling;    // what the model recommends: Engine::default_sampling()
  int64_t context_tokens = 0;  // Engine::context_tokens()
  AudioRule audio_rule = AudioRule::kHuggingFace;  // Engine::audio_rule()
  int default_max_tokens = 4096;                   // of requests that do not say
  ReasoningFormat reasoning_format = ReasoningFormat::kReasoningContent;  // the same
  uint64_t seed = 0;  // the same: a new one for each request
};

// A token takes four bytes of English: what is far beyond cannot fit, and is not worth encoding.
inline int64_t most_text_bytes(const ModelFacts& facts) {
  return std::max(int64_t{1} << 20, facts.context_tokens * 32);
}

struct AudioPolicy {
  int64_t max_clip_bytes = int64_t{64} << 20;  // of one sound, decoded from base64 or fetched
  double max_audio_seconds = 3600;             // of all sounds of a request together
  bool allow_urls = false;                     // http and https
  bool allow_files = false;                    // file: and absolute paths, below file_root
  std::filesystem::path file_root = "/";
  // The bytes behind an http(s) URL. Throws Error; what it says is passed on with the field's path.
  std::function<std::string(const std::string& url)> fetch = {};
};

}  // namespace stapes::serve
