// How an answer is generated, and how a model is run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stapes {

struct SamplingOptions {
  double temperature = 0.7;         // 0: the most likely token (greedy)
  double top_p = 1.0;               // smallest set of tokens with this probability
  int top_k = 0;                    // 0: all
  double min_p = 0.0;               // relative to the most likely token
  double repetition_penalty = 1.0;  // divides (or multiplies, if negative) logits of tokens seen before
  uint64_t seed = 0;                // random numbers are keyed by (seed, sequence, position)
  int max_tokens = 2048;            // generated tokens, thinking included
  std::vector<std::string> stop;    // generation ends before any of these texts
  std::vector<int64_t> stop_token_ids;
  // At this many thinking tokens the thought is closed and the answer begins; 0: an empty thought.
  std::optional<int> think_budget;
};

// How many tokens a clip takes, and which encoder positions are masked (reference A6).
// HF is what the model was trained with [inferred there]; Vllm is what the official server does:
// one token more for a quarter of all lengths.
enum class AudioRule : uint8_t { kHuggingFace, kVllm };

struct EngineOptions {
  int threads = 0;  // 0: all cores
  AudioRule audio_rule = AudioRule::kHuggingFace;
  int64_t max_context_tokens = 0;  // 0: what the model allows
  // Keys and values of all sequences that are generated together; memory is taken as they grow.
  // 0: 65,536 tokens, or one full context where that is more.
  int64_t max_kv_tokens = 0;
};

}  // namespace stapes
