// One sample of a request while it is generated: its tokens, its pages, its place in the text.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/clip_cache.h"
#include "engine/generation.h"
#include "engine/kv_page_pool.h"
#include "engine/loaded_model.h"
#include "engine/prefix_cache.h"
#include "engine/prepared_request.h"
#include "engine/sampler.h"
#include "engine/step_plan.h"
#include "engine/text_stream.h"
#include "model/decoder.h"
#include "tensor/tensor.h"

namespace stapes {

using Clock = std::chrono::steady_clock;
double milliseconds_since(Clock::time_point start);

// Not thread-safe: it belongs to the one model loop. `model`, `pool` and `cache` outlive it.
class Sequence {
 public:
  // The request's first sample. cache: nullptr for none.
  Sequence(const LoadedModel& model, std::shared_ptr<const PreparedRequest> prepared,
           KvPagePool& pool, PrefixCache* cache);
  // Another sample of the request, of which the prompt was just read and nothing is chosen yet. It
  // shares all pages; whoever writes to a shared one copies it first.
  Sequence fork(uint64_t sample) const;

  // Pages that the cache has of what comes next of the prompt; its last token is always read, since
  // its logits are needed. Returns the number of tokens that need not be read.
  int64_t take_cached_prefix();
  // `other` is computing a page that this one could take from the cache next.
  bool can_wait_for(const Sequence& other) const;
  // The first clip of which rows are still to be read and are not there.
  std::optional<size_t> missing_clip() const;
  void set_clip_rows(size_t clip, ClipRows rows);

  bool prompt_is_read() const { return read_ >= prompt_tokens(); }
  // What the next step could do. Guesses what comes next where the request wants that.
  RowDemand demand();
  // The next step, of `rows` that plan_step gave. Pages for them are taken (throws kTooLarge).
  // Logits are asked for when nothing is left to be read.
  DecoderStep next_step(int64_t rows);
  // The ids of that step's rows.
  void append_ids(const DecoderStep& step, std::vector<int64_t>& ids) const;
  // Replaces the embeddings of <audio_patch> among the step's rows [rows, D] by the clips' rows.
  void place_audio(const DecoderStep& step, Tensor& x, int64_t first_row) const;
  // The step's keys and values are written; pages that are full now are kept in the cache.
  void step_done(const DecoderStep& step);
  // Chooses the next tokens: logits [rows, V] are those of the step's last rows, the first for the
  // token after what is read. As long as a guess is what was chosen, the next row counts too.
  // Closes the thought where its budget is spent. scratch: as Sampler::sample. Different sequences
  // may choose at the same time.
  void choose(LogitsView logits, int64_t first_row, std::vector<float>& scratch);

  // The text since the last call.
  std::vector<Delta> take_deltas();
  void cancel();
  bool finished() const { return finished_; }
  // Once finished. encode_ms is the caller's to fill in.
  Generation take_generation();

  int64_t generated_tokens() const { return static_cast<int64_t>(generation_.ids.size()); }
  struct Progress {
    int64_t generated_tokens = 0;
    int64_t speculated_tokens = 0;
    int64_t accepted_tokens = 0;
  };
  Progress progress() const { return {generated_tokens(), speculated_tokens_, accepted_tokens_}; }

 private:
  struct ForkOf {
    const Sequence& original;
    uint64_t sample;
  };
  explicit Sequence(const ForkOf& fork);

  const SamplingOptions& sampling() const { return prepared_->request.sampling; }
  int64_t prompt_tokens() const { return static_cast<int64_t>(prepared_->prompt.ids.size()); }
  int64_t length() const { return static_cast<int64_t>(ids_.size()); }
  enum class By : uint8_t { kModel, kForce };
  void accept(TokenId id, By by);
  void note_logprobs(std::span<const float> logits, TokenId id);
  void close_spent_thought();
  void show(std::vector<Delta> deltas);
  void finish(FinishReason reason);
  bool is_stop_token(TokenId id) const;

  const LoadedModel* model_;
  std::shared_ptr<const PreparedRequest> prepared_;
  uint64_t sample_ = 0;
  std::vector<ClipRows> clip_rows_;  // by clip; empty once the prompt is read
  KvPageList pages_;
  CachedPrefix cached_prefix_;
  Sampler sampler_;
  TextStream text_;
  std::vector<int64_t> ids_;               // prompt and generated
  std::vector<PositionContent> contents_;  // of ids_
  std::vector<int64_t> guesses_;           // what may follow ids_; part of the step that is running
  int64_t read_ = 0;                       // of ids_, by the model
  bool finished_ = false;
  std::optional<Clock::time_point> prefill_start_;
  std::vector<Delta> new_deltas_;
  std::vector<GeneratedToken> new_tokens_;  // belong to the next delta
  Generation generation_;
  int64_t speculated_tokens_ = 0;
  int64_t accepted_tokens_ = 0;
};

}  // namespace stapes
