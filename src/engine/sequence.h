// One request while it is generated: its tokens, its pages, its place in the text.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "engine/generator.h"
#include "engine/kv_page_pool.h"
#include "engine/loaded_model.h"
#include "engine/prepared_request.h"
#include "engine/sampler.h"
#include "engine/text_stream.h"
#include "model/decoder.h"
#include "tensor/tensor.h"

namespace stapes {

using Clock = std::chrono::steady_clock;
double milliseconds_since(Clock::time_point start);

// Tokens that may be written at most: prompt and answer within the context.
int64_t longest_length(const LoadedModel& model, const PreparedRequest& prepared);

// Not thread-safe: it belongs to the one model loop. `model`, `pool` and the request outlive it.
class Sequence {
 public:
  // audio_rows: one [tokens, D] per clip. `start` is when the caller asked.
  Sequence(const LoadedModel& model, PreparedRequest prepared, std::vector<Tensor> audio_rows,
           KvPagePool& pool, Clock::time_point start);

  // The next step: at most `row_limit` of the tokens that the model has not read yet. Pages for
  // them are taken (throws kTooLarge). Logits are asked for when nothing is left to be read.
  DecoderStep next_step(int64_t row_limit);
  // The ids of that step's rows.
  std::span<const int64_t> step_ids(const DecoderStep& step) const;
  // Replaces the embeddings of <audio_patch> among the step's rows [rows, D] by the clips' rows.
  void place_audio(const DecoderStep& step, Tensor& x, int64_t first_row) const;
  void step_done(const DecoderStep& step);

  // Chooses the next token from logits [V], and closes the thought where its budget is spent.
  // `sink` gets the new text; false from it cancels.
  void choose(std::span<const float> logits, const DeltaSink& sink);

  bool finished() const { return finished_; }
  // Once finished. encode_ms is the caller's to fill in.
  Generation take_generation();

 private:
  void accept(TokenId id, bool forced, const DeltaSink& sink);
  void close_spent_thought(const DeltaSink& sink);
  void show(const std::vector<Delta>& deltas, const DeltaSink& sink);
  void finish(FinishReason reason, const DeltaSink& sink);
  bool is_stop_token(TokenId id) const;

  const LoadedModel* model_;
  PreparedRequest prepared_;
  std::vector<Tensor> audio_rows_;
  KvPageList pages_;
  Sampler sampler_;
  TextStream text_;
  std::vector<int64_t> ids_;  // prompt and generated
  int64_t read_ = 0;          // of ids_, by the model
  int64_t longest_length_ = 0;
  bool finished_ = false;
  Clock::time_point start_;
  Clock::time_point prefill_start_;
  Generation generation_;
};

}  // namespace stapes
