// How an answer is generated, and how a model is run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stapes {

struct SamplingOptions {
  double temperature = 0.7;  // 0: the most likely token (greedy)
  double top_p = 1.0;        // smallest set of tokens with this probability
  int top_k = 0;             // 0: all
  double min_p = 0.0;        // relative to the most likely token
  double repetition_penalty =
      1.0;  // divides (or multiplies, if negative) logits of tokens seen before
  // Taken off a logit for each time that its token was generated so far, and once if it was at all;
  // the prompt does not count. -2 to 2.
  double frequency_penalty = 0;
  double presence_penalty = 0;
  uint64_t seed = 0;              // random numbers are keyed by (seed, sequence, position)
  uint64_t sequence = 0;          // of a request's first sample; sample i has sequence + i
  int max_tokens = 2048;          // generated tokens, thinking included
  std::vector<std::string> stop;  // generation ends before any of these texts
  std::vector<int64_t> stop_token_ids;
  bool ignore_eos = false;  // the model's own end tokens end nothing: for measurements
  // At this many thinking tokens the thought is closed and the answer begins; 0: an empty thought.
  std::optional<int> think_budget;
  // Report what each generated token's log probability was, and that of the most likely tokens in
  // its place (0 to 20 of them): the model's own, before temperature, penalties and cuts.
  std::optional<int> logprobs;
  // Up to this many tokens (0 to 16; 0: off) are guessed from what followed the same words earlier
  // in the prompt and the answer, and checked in one step. The answer is the same with and without.
  int speculate_tokens = 0;
};

// How many tokens a clip takes, and which encoder positions are masked (reference A6).
// HF is what the model was trained with [inferred there]; Vllm is what the official server does:
// one token more for a quarter of all lengths.
enum class AudioRule : uint8_t { kHuggingFace, kVllm };

// How keys and values are stored. kInt8: integers with one scale for 32 components of a key and for
// each value of a head, about half of bf16's memory.
enum class KvPrecision : uint8_t { kF32, kBf16, kInt8 };

struct EngineOptions {
  int threads = 0;  // 0: all cores that the process may use
  AudioRule audio_rule = AudioRule::kHuggingFace;
  int64_t max_context_tokens = 0;  // 0: what the model allows
  // Keys and values of all sequences that are generated together, and of earlier ones that are kept
  // for their prompts; memory is taken as they grow. 0: 65,536 tokens, or one full context where
  // that is more, but no more than half of the memory that the weights leave free.
  int64_t max_kv_tokens = 0;
  KvPrecision kv_dtype = KvPrecision::kBf16;
  // Requests that begin alike (the same clip, the same words) share the keys and values of it.
  bool prefix_cache = true;
  // The adaptor's rows of the clips heard last; 0: none are kept.
  int64_t clip_cache_bytes = int64_t{64} << 20;
  // Requests that wait until they can begin; Engine::submit refuses more of them.
  int64_t max_queued_requests = 256;
  // Samples that are generated together; a request with more of them is generated alone.
  int64_t max_live_sequences = 64;
  // A stream that holds this many unread deltas pauses its own request, and no other.
  int64_t max_unread_deltas = 256;
};

}  // namespace stapes
