#include "engine/model_loop.h"

#include <algorithm>
#include <utility>

#include "engine/step_plan.h"

namespace stapes {
namespace {

std::vector<Generation> nothing_generated(const PreparedRequest& prepared) {
  Generation nothing;
  nothing.result.finish = FinishReason::kCancelled;
  nothing.result.audio_tokens_per_clip = prepared.tokens_per_clip;
  nothing.result.usage.prompt_tokens = static_cast<int64_t>(prepared.prompt.ids.size());
  nothing.prompt_ids = prepared.prompt.ids;
  return std::vector<Generation>(static_cast<size_t>(prepared.request.samples), nothing);
}

}  // namespace

ModelLoop::ModelLoop(const LoadedModel& model, const EngineOptions& options)
    : model_(model),
      options_(options),
      pool_(*model.ops, model.kv_layout, model.kv_layout.pages_for(model.max_kv_tokens)),
      clip_cache_(options.clip_cache_bytes),
      inbox_(std::make_shared<LoopInbox>(options.max_queued_requests)) {
  if (options.prefix_cache) prefix_cache_.emplace(pool_);
  publish();
  thread_ = std::thread([this] { run(); });
}

ModelLoop::~ModelLoop() {
  inbox_->close();
  thread_.join();
}

std::shared_ptr<RequestStream> ModelLoop::submit(PreparedRequest prepared, WhenFull when_full,
                                                 StreamOptions stream_options) {
  stream_options.max_unread_deltas = options_.max_unread_deltas;
  std::shared_ptr<RequestStream> stream;
  {
    const std::scoped_lock lock(mutex_);
    stream = std::make_shared<RequestStream>(next_id_++, std::move(stream_options), inbox_);
    unfinished_.emplace(stream->id(), stream);
  }
  try {
    inbox_->push({std::make_shared<const PreparedRequest>(std::move(prepared)), stream}, when_full);
  } catch (...) {
    forget(stream->id());
    throw;
  }
  return stream;
}

bool ModelLoop::cancel(uint64_t id) {
  std::shared_ptr<RequestStream> stream;
  {
    const std::scoped_lock lock(mutex_);
    const auto found = unfinished_.find(id);
    if (found != unfinished_.end()) stream = found->second.lock();
  }
  if (stream == nullptr) return false;
  stream->cancel();
  return true;
}

void ModelLoop::forget(uint64_t id) {
  const std::scoped_lock lock(mutex_);
  unfinished_.erase(id);
}

EngineCounters ModelLoop::counters() const {
  const int64_t queued = inbox_->size();
  const std::scoped_lock lock(mutex_);
  EngineCounters counters = published_;
  counters.queued_requests = queued;
  return counters;
}

void ModelLoop::publish() {
  counts_.turns = static_cast<int64_t>(turns_);
  counts_.pages_in_use = pool_.pages_in_use();
  counts_.pages_cached = prefix_cache_ ? prefix_cache_->pages() : 0;
  counts_.page_limit = pool_.page_limit();
  counts_.live_sequences = 0;
  for (const LiveRequest& live : live_) counts_.live_sequences += live.unfinished_count();
  const std::scoped_lock lock(mutex_);
  published_ = counts_;
}

void ModelLoop::run() {
  while (!inbox_->closed()) {
    const uint64_t seen = inbox_->events();
    bool moved = false;
    try {
      moved = turn();
    } catch (...) {
      moved = !live_.empty();
      fail_all(Failure::current());
    }
    publish();
    if (!moved) inbox_->wait_for_event_after(seen);
  }
  end_cancelled();
}

bool ModelLoop::turn() {
  ++turns_;
  end_cancelled();
  admit();
  const bool encoded = encode_one_clip();
  const bool stepped = step();
  retire();
  return encoded || stepped;
}

// All of them once the inbox is closed.
void ModelLoop::end_cancelled() {
  for (const QueuedRequest& request : inbox_->take_cancelled()) {
    forget(request.stream->id());
    request.stream->finish(nothing_generated(*request.prepared));
  }
  const bool closed = inbox_->closed();
  for (LiveRequest& live : live_) {
    if (closed || live.stream().cancel_requested()) live.cancel();
  }
  retire();
}

void ModelLoop::admit() {
  const auto fits_now = [this](const QueuedRequest& request) { return fits(*request.prepared); };
  while (std::optional<QueuedRequest> request = inbox_->take_first(fits_now)) {
    const std::shared_ptr<RequestStream> stream = request->stream;
    try {
      live_.emplace_back(model_, std::move(*request), pool_,
                         prefix_cache_ ? &*prefix_cache_ : nullptr);
    } catch (...) {
      forget(stream->id());
      stream->fail(Failure::current());
    }
  }
}

bool ModelLoop::fits(const PreparedRequest& prepared) const {
  if (live_.empty()) return true;
  int64_t sequences = prepared.request.samples;
  int64_t pages = most_pages(pool_.layout(), prepared);
  for (const LiveRequest& live : live_) {
    sequences += live.unfinished_count();
    pages += live.reserved_pages(pool_.layout());
  }
  return sequences <= options_.max_live_sequences && pages <= pool_.page_limit();
}

bool ModelLoop::encode_one_clip() {
  for (LiveRequest& live : live_) {
    counts_.prompt_tokens_from_cache += live.take_cached_prefix();
    while (const std::optional<size_t> clip = live.missing_clip()) {
      if (ClipRows rows = clip_cache_.find(live.prepared().clip_hashes[*clip])) {
        live.set_clip_rows(*clip, std::move(rows));
        continue;
      }
      try {
        live.set_clip_rows(*clip, encode(live, *clip));
      } catch (...) {
        live.fail(Failure::current());
      }
      return true;
    }
  }
  return false;
}

ClipRows ModelLoop::encode(LiveRequest& live, size_t clip) {
  const Clock::time_point start = Clock::now();
  const Tensor mel = mel_of(model_, live.prepared().request.clips[clip]);
  auto rows = std::make_shared<const Tensor>(model_.model.audio_rows(mel, model_.audio_rule));
  live.add_encoder_run(milliseconds_since(start));
  ++counts_.encoder_runs;
  clip_cache_.insert(live.prepared().clip_hashes[clip], rows);
  return rows;
}

bool ModelLoop::step() {
  std::vector<Candidate> stepping = candidates();
  std::vector<SequenceStep> steps = next_steps(stepping);
  if (steps.empty()) return !stepping.empty();
  int64_t prompt_rows = 0;
  for (const SequenceStep& s : steps) prompt_rows += s.sequence->prompt_is_read() ? 0 : s.step.rows;
  LogitsView logits;
  try {
    logits = run_steps(model_, steps, workspace_);
  } catch (...) {
    const Failure failure = Failure::current();
    for (const Candidate& candidate : stepping) candidate.request->fail(failure);
    return true;
  }
  ++counts_.steps;
  counts_.prompt_tokens_computed += prompt_rows;
  std::vector<Choice> choosing = choices(stepping, steps);
  choose(choosing, logits);
  for (Choice& choice : choosing) report(choice);
  return true;
}

// Without those that are better off to wait: another one is computing what they need.
std::vector<ModelLoop::Candidate> ModelLoop::candidates() {
  std::vector<Candidate> candidates;
  for (LiveRequest& live : live_) {
    if (!live.is_ready()) continue;
    for (Sequence* sequence : live.unfinished_samples()) {
      const bool waits = std::ranges::any_of(candidates, [&](const Candidate& other) {
        return sequence->can_wait_for(*other.sequence);
      });
      if (!waits) candidates.push_back({&live, sequence});
    }
  }
  return candidates;
}

// Leaves of the candidates those that take part, in the order of their steps; if none does, those
// that failed.
std::vector<SequenceStep> ModelLoop::next_steps(std::vector<Candidate>& candidates) {
  std::vector<RowDemand> demands;
  for (const Candidate& candidate : candidates) demands.push_back(candidate.sequence->demand());
  const std::vector<int64_t> rows = plan_step(demands, StepLimits{}, turns_);
  std::vector<SequenceStep> steps;
  std::vector<Candidate> stepping;
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (rows[i] == 0) continue;
    try {
      steps.push_back(
          {.sequence = candidates[i].sequence, .step = candidates[i].sequence->next_step(rows[i])});
      stepping.push_back(candidates[i]);
    } catch (...) {
      candidates[i].request->fail(Failure::current());
    }
  }
  if (!steps.empty()) candidates = std::move(stepping);
  return steps;
}

// Those who choose a token next: where a prompt was just read, all samples of its request.
std::vector<ModelLoop::Choice> ModelLoop::choices(std::span<const Candidate> stepping,
                                                  std::span<const SequenceStep> steps) {
  std::vector<Choice> choices;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].first_logits < 0) continue;
    LiveRequest& live = *stepping[i].request;
    std::vector<Sequence*> choosing = {steps[i].sequence};
    try {
      if (steps[i].sequence->generated_tokens() == 0) {
        const auto clips = static_cast<int64_t>(live.prepared().request.clips.size());
        counts_.clips_from_cache += clips - live.encoder_runs();
        choosing = live.fork_samples();
      }
    } catch (...) {
      live.fail(Failure::current());
      continue;
    }
    for (Sequence* sequence : choosing)
      choices.push_back({&live, sequence, steps[i].first_logits, sequence->progress(), {}});
  }
  return choices;
}

void ModelLoop::choose(std::span<Choice> choices, LogitsView logits) {
  model_.ops->parallel_for(static_cast<int64_t>(choices.size()), [&](int64_t begin, int64_t end) {
    std::vector<float> scratch;
    for (Choice& choice :
         choices.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin))) {
      try {
        choice.sequence->choose(logits, choice.first_logits, scratch);
      } catch (...) {
        choice.failure = Failure::current();
      }
    }
  });
}

void ModelLoop::report(Choice& choice) {
  if (choice.failure) return choice.request->fail(std::move(*choice.failure));
  const Sequence::Progress before = choice.before, after = choice.sequence->progress();
  counts_.generated_tokens += after.generated_tokens - before.generated_tokens;
  counts_.speculated_tokens += after.speculated_tokens - before.speculated_tokens;
  counts_.accepted_tokens += after.accepted_tokens - before.accepted_tokens;
  choice.request->stream().push(choice.sequence->take_deltas());
}

// The numbers are published before the caller learns of the end, so that it finds itself counted.
void ModelLoop::retire() {
  std::list<LiveRequest> over;
  for (auto live = live_.begin(); live != live_.end();) {
    const auto next = std::next(live);
    live->collect_finished();
    if (live->is_over()) over.splice(over.end(), live_, live);
    live = next;
  }
  if (over.empty()) return;
  publish();
  for (LiveRequest& live : over) {
    forget(live.stream().id());
    live.report();
  }
}

void ModelLoop::fail_all(const Failure& failure) {
  for (LiveRequest& live : live_) live.fail(failure);
  retire();
}

}  // namespace stapes
