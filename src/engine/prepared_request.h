// A request checked and turned into a prompt, before anything is computed.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/content_hash.h"
#include "engine/loaded_model.h"
#include "stapes/engine.h"
#include "tensor/tensor.h"
#include "text/chat_format.h"

namespace stapes {

struct PreparedRequest {
  Request request;
  Prompt prompt;
  std::vector<PositionContent> contents;  // of the prompt
  std::vector<int64_t> tokens_per_clip;
  std::vector<ContentHash> clip_hashes;
  std::chrono::steady_clock::time_point asked_at = std::chrono::steady_clock::now();
  // Tokens that a sample may come to at most: prompt and answer within the context.
  int64_t longest_length = 0;
};

// Throws kUsage naming an id that the tokenizer does not have, and its place.
void check_token_ids(const Tokenizer& tokenizer, std::span<const int64_t> ids);

// Throws kUsage (sampling options, a number of samples out of range, no messages, an audio index
// out of range, a clip that no message points to, a raw prompt beside messages or with wrong ids),
// kInvalidText (not UTF-8; nothing asked), kInvalidAudio (a clip that is empty, too short, or has
// NaN or infinite samples), kTooLarge (a clip over the encoder's 29.98 s; a prompt that leaves no
// room for an answer in the context, or in the key/value memory).
PreparedRequest prepare_request(const LoadedModel& model, Request request);

// Pages that all samples together may come to hold: those of the prompt that are full are shared.
int64_t most_pages(const KvLayout& layout, const PreparedRequest& prepared);
// Pages that one sample may come to hold alone.
int64_t most_pages_of_sample(const KvLayout& layout, const PreparedRequest& prepared);

// [S, M]
Tensor mel_of(const LoadedModel& model, const AudioClip& clip);

}  // namespace stapes
