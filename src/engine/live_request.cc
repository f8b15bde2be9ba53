#include "engine/live_request.h"

#include <algorithm>

#include "base/check.h"

namespace stapes {

LiveRequest::LiveRequest(const LoadedModel& model, QueuedRequest request, KvPagePool& pool,
                         PrefixCache* cache)
    : prepared_(std::move(request.prepared)), stream_(std::move(request.stream)) {
  samples_.push_back({std::make_unique<Sequence>(model, prepared_, pool, cache), {}});
}

Sequence* LiveRequest::prompt_reader() const {
  Sequence* const first = samples_.front().sequence.get();
  return first != nullptr && !first->prompt_is_read() ? first : nullptr;
}

int64_t LiveRequest::take_cached_prefix() {
  Sequence* const reader = prompt_reader();
  return reader != nullptr ? reader->take_cached_prefix() : 0;
}

std::optional<size_t> LiveRequest::missing_clip() const {
  const Sequence* const reader = prompt_reader();
  return reader != nullptr ? reader->missing_clip() : std::nullopt;
}

void LiveRequest::set_clip_rows(size_t clip, ClipRows rows) {
  Sequence* const reader = prompt_reader();
  STAPES_CHECK(reader != nullptr);
  reader->set_clip_rows(clip, std::move(rows));
}

void LiveRequest::add_encoder_run(double milliseconds) {
  encode_ms_ += milliseconds;
  ++encoder_runs_;
}

bool LiveRequest::is_ready() const {
  return !failure_ && !missing_clip() && stream_->has_room();
}

std::vector<Sequence*> LiveRequest::unfinished_samples() {
  std::vector<Sequence*> sequences;
  for (const Sample& sample : samples_) {
    if (sample.sequence != nullptr && !sample.sequence->finished())
      sequences.push_back(sample.sequence.get());
  }
  return sequences;
}

std::vector<Sequence*> LiveRequest::fork_samples() {
  STAPES_CHECK(samples_.size() == 1);
  const Sequence& first = *samples_.front().sequence;
  for (int i = 1; i < prepared_->request.samples; ++i)
    samples_.push_back({std::make_unique<Sequence>(first.fork(static_cast<uint64_t>(i))), {}});
  return unfinished_samples();
}

int64_t LiveRequest::unfinished_count() const {
  const auto live = std::ranges::count_if(
      samples_, [](const Sample& sample) { return sample.sequence != nullptr; });
  return prompt_reader() != nullptr ? prepared_->request.samples : live;
}

int64_t LiveRequest::reserved_pages(const KvLayout& layout) const {
  const int64_t finished = prepared_->request.samples - unfinished_count();
  return most_pages(layout, *prepared_) - finished * most_pages_of_sample(layout, *prepared_);
}

void LiveRequest::cancel() {
  for (Sequence* sequence : unfinished_samples()) {
    sequence->cancel();
    stream_->push(sequence->take_deltas());
  }
}

void LiveRequest::collect_finished() {
  for (Sample& sample : samples_) {
    if (sample.sequence == nullptr || !(failure_ || sample.sequence->finished())) continue;
    if (!failure_) sample.generation = sample.sequence->take_generation();
    sample.sequence.reset();
  }
}

bool LiveRequest::is_over() const {
  return std::ranges::all_of(samples_,
                             [](const Sample& sample) { return sample.sequence == nullptr; });
}

void LiveRequest::report() {
  STAPES_CHECK(is_over());
  if (failure_) return stream_->fail(*failure_);
  try {
    std::vector<Generation> generations;
    for (Sample& sample : samples_) {
      sample.generation.result.timing.encode_ms = encode_ms_;
      generations.push_back(std::move(sample.generation));
    }
    // Cancelled before the samples forked: none of them has anything.
    generations.resize(static_cast<size_t>(prepared_->request.samples), generations.front());
    stream_->finish(std::move(generations));
  } catch (...) {
    stream_->fail(Failure::current());  // out of memory; the caller must not wait for ever
  }
}

}  // namespace stapes
