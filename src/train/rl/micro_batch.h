// Replies as the rows of forward passes. Letters: B sequences, T rows, N generated tokens.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "spec/model_config.h"
#include "text/chat_format.h"
#include "train/libtorch.h"
#include "train/nn/forward.h"
#include "train/rl/advantages.h"
#include "train/rl/prompts.h"
#include "train/rl/rollouts.h"

namespace stapes::train {

// A prompt as the trainer reads it: the ids that the engine read, and the frozen encoder's output,
// which is computed once for all replies, passes and networks.
struct TrainerPrompt {
  std::vector<TokenId> ids;
  std::vector<AudioSpan> audio_spans;
  std::vector<torch::Tensor> encoded;  // of each clip: [its frames, encoder width]
};

// Writes the prompts and runs the encoder (no gradient, nothing kept for one). In order of
// `prompts`.
std::vector<TrainerPrompt> read_prompts(std::span<const RolloutPrompt> prompts,
                                        const Tokenizer& tokenizer, const Parameters& parameters,
                                        const ModelConfig& config, torch::Device device);

// Replies to one prompt share its rows: these are segment 0, each reply is a segment of its own
// that sees segment 0 and itself, and positions count as if it were alone. Sequences are padded to
// the longest. A token is predicted by the row before it; the first of each reply by the prompt's
// last row; the last token of a reply needs no row.
struct MicroBatch {
  DecoderRows rows;
  torch::Tensor predictors;  // [N] i64 into B * T: whose hidden state predicts the token
  torch::Tensor targets;     // [N] i64: the token
  torch::Tensor places;      // [N] i64: the token's place among all of the batch
  // What adapt_audio reads: [C, P, encoder width], rows beyond a clip's own zero; undefined where
  // there is no sound.
  torch::Tensor encoded;
  int64_t tokens = 0;  // N
};

// All replies, in micro-batches of at most `most_rows` rows, padding included, or of one sequence
// where that is longer. Each token is in exactly one. A pure function: the same replies always fall
// into the same micro-batches, so that a forward pass repeats its bits.
std::vector<MicroBatch> make_micro_batches(std::span<const TrainerPrompt> prompts,
                                           std::span<const Rollout> rollouts, int64_t most_rows,
                                           torch::Device device);

// Replies to one prompt in one sequence.
struct Pack {
  const TrainerPrompt* prompt = nullptr;
  std::vector<size_t> replies;  // indices of rollouts
  int64_t rows = 0;             // of the prompt and of the replies
};
// The same of packs that the caller made: what one loss needs together stays together.
std::vector<MicroBatch> make_micro_batches(std::vector<Pack> packs,
                                           std::span<const Rollout> rollouts, int64_t most_rows,
                                           torch::Device device);
// Rows that a reply takes in its pack.
int64_t reply_rows(const Rollout& rollout);

RaggedTokens tokens_of(std::span<const Rollout> rollouts);

}  // namespace stapes::train
