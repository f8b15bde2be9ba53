// The one thread that runs the model: it owns the pages, the caches and all live sequences, so that
// nothing of them needs a lock. Other threads hand it requests and get streams. The table's threads
// help it to choose tokens, each of them for sequences of its own.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/batch_step.h"
#include "engine/clip_cache.h"
#include "engine/failure.h"
#include "engine/kv_page_pool.h"
#include "engine/live_request.h"
#include "engine/loaded_model.h"
#include "engine/loop_inbox.h"
#include "engine/prefix_cache.h"
#include "engine/prepared_request.h"
#include "engine/request_stream.h"

namespace stapes {

// Each turn: admit what fits, encode at most one clip, one step of all live sequences (plan_step
// says who computes how much), choose their tokens, retire what is finished. Pages for the longest
// possible answers are set aside at admission, so that no live sequence ever runs dry; what is not
// used of them holds the cache. A request gives the same tokens as it would alone.
//
// Whatever is thrown in a turn, by a worker of the operations too, fails the requests concerned,
// and the loop goes on: a request alone where its clip is encoded or its token is chosen, all
// requests of a step where that fails.
class ModelLoop {
 public:
  // `model` outlives the loop.
  ModelLoop(const LoadedModel& model, const EngineOptions& options);
  ModelLoop(const ModelLoop&) = delete;
  ModelLoop& operator=(const ModelLoop&) = delete;
  // Requests that are not finished end as cancelled.
  ~ModelLoop();

  // Throws kBusy, kCancelled as LoopInbox::push. The stream holds EngineOptions::max_unread_deltas.
  std::shared_ptr<RequestStream> submit(PreparedRequest prepared, WhenFull when_full,
                                        StreamOptions options);
  bool cancel(uint64_t id);
  EngineCounters counters() const;
  // Makes the loop turn once, also where it has nothing to do.
  void nudge() const { inbox_->wake(); }

 private:
  struct Candidate {
    LiveRequest* request;
    Sequence* sequence;
  };
  // Of a sequence's next token.
  struct Choice {
    LiveRequest* request;
    Sequence* sequence;
    int64_t first_logits;
    Sequence::Progress before;
    std::optional<Failure> failure;
  };

  void run();
  // False: nothing could be done, and nothing can until the inbox has news.
  bool turn();
  void end_cancelled();
  void admit();
  bool fits(const PreparedRequest& prepared) const;
  // False: there was none to encode.
  bool encode_one_clip();
  ClipRows encode(LiveRequest& live, size_t clip);
  // False: nobody could take part.
  bool step();
  std::vector<Candidate> candidates();
  std::vector<SequenceStep> next_steps(std::vector<Candidate>& candidates);
  std::vector<Choice> choices(std::span<const Candidate> stepping,
                              std::span<const SequenceStep> steps);
  void choose(std::span<Choice> choices, LogitsView logits);
  void report(Choice& choice);
  void retire();
  void fail_all(const Failure& failure);
  void forget(uint64_t id);
  void publish();

  const LoadedModel& model_;
  const EngineOptions options_;
  KvPagePool pool_;
  std::optional<PrefixCache> prefix_cache_;
  ClipCache clip_cache_;
  std::list<LiveRequest> live_;  // in order of admission
  DecoderWorkspace workspace_;
  size_t turns_ = 0;
  EngineCounters counts_;

  const std::shared_ptr<LoopInbox> inbox_;
  mutable std::mutex mutex_;  // of what follows
  EngineCounters published_;
  std::unordered_map<uint64_t, std::weak_ptr<RequestStream>> unfinished_;
  uint64_t next_id_ = 1;

  std::thread thread_;
};

}  // namespace stapes
