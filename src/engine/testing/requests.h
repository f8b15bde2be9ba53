// For tests: questions about noise.
#pragma once

#include <string>

#include "base/rng.h"
#include "stapes/engine.h"

namespace stapes::testing {

inline EngineOptions one_thread() {
  EngineOptions options;
  options.threads = 1;
  return options;
}

inline AudioClip noise(double seconds, uint64_t seed) {
  AudioClip clip;
  clip.samples.resize(static_cast<size_t>(seconds * kSampleRateHz));
  Rng rng(seed);
  for (float& sample : clip.samples) sample = static_cast<float>(0.1 * rng.normal());
  return clip;
}

// Greedy, 24 tokens.
inline Request text_request(const std::string& question) {
  Request request;
  request.messages = {{"user", {ContentPart::of_text(question)}}};
  request.sampling.temperature = 0;
  request.sampling.max_tokens = 24;
  return request;
}

inline Request sound_request(const std::string& question, double seconds, uint64_t seed) {
  Request request = text_request(question);
  request.messages.front().parts.insert(request.messages.front().parts.begin(),
                                        ContentPart::of_audio(0));
  request.clips = {noise(seconds, seed)};
  return request;
}

}  // namespace stapes::testing
