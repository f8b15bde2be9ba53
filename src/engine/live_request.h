// One request from its admission to its end, as the model loop sees it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "engine/failure.h"
#include "engine/loop_inbox.h"
#include "engine/sequence.h"

namespace stapes {

// Not thread-safe: it belongs to the one model loop.
class LiveRequest {
 public:
  // cache: nullptr for none.
  LiveRequest(const LoadedModel& model, QueuedRequest request, KvPagePool& pool,
              PrefixCache* cache);

  const PreparedRequest& prepared() const { return *prepared_; }
  RequestStream& stream() { return *stream_; }

  // As Sequence::take_cached_prefix, while the prompt is read.
  int64_t take_cached_prefix();
  // The clip that is needed before the prompt can be read on.
  std::optional<size_t> missing_clip() const;
  void set_clip_rows(size_t clip, ClipRows rows);
  void add_encoder_run(double milliseconds);
  int64_t encoder_runs() const { return encoder_runs_; }

  // May take part in the next step: the sound is there, and the caller reads what is written.
  bool is_ready() const;
  // At first one sample reads the prompt for all.
  std::vector<Sequence*> unfinished_samples();
  // The prompt was just read: all samples, each with the choice of its first token before it.
  std::vector<Sequence*> fork_samples();
  // Samples that are not finished, those that will fork included.
  int64_t unfinished_count() const;
  // Pages that they may come to hold at most.
  int64_t reserved_pages(const KvLayout& layout) const;

  void fail(Failure failure) { failure_ = std::move(failure); }
  void cancel();
  // Keeps what each finished sample came to and gives its pages back; those of all after a failure.
  void collect_finished();
  // All is collected.
  bool is_over() const;
  // Tells the caller. Once, when it is over.
  void report();

 private:
  struct Sample {
    std::unique_ptr<Sequence> sequence;  // until it is collected
    Generation generation;
  };
  // Still reads the prompt; otherwise nullptr.
  Sequence* prompt_reader() const;

  std::shared_ptr<const PreparedRequest> prepared_;
  std::shared_ptr<RequestStream> stream_;
  std::vector<Sample> samples_;  // one until they fork
  double encode_ms_ = 0;
  int64_t encoder_runs_ = 0;
  std::optional<Failure> failure_;
};

}  // namespace stapes
