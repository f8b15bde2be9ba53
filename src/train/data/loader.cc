#include "train/data/loader.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "train/data/shuffle.h"

namespace stapes::train {

namespace {

// Where each batch of a group begins; one more entry: the end.
std::vector<size_t> cut_by_count(size_t examples, size_t batches) {
  std::vector<size_t> begins;
  for (size_t i = 0; i <= batches; ++i) begins.push_back(examples / batches * i);
  return begins;
}

// As many rows in each as whole examples allow, and at least one example.
std::vector<size_t> cut_by_rows(const std::vector<int64_t>& rows, size_t batches) {
  uint64_t all = 0, before = 0;
  for (const int64_t one : rows) all += static_cast<uint64_t>(one);
  std::vector<size_t> begins = {0};
  for (size_t i = 0; i < rows.size(); ++i) {
    const size_t still_to_begin = batches - begins.size();
    const bool full = before * batches >= all * begins.size() && i > begins.back();
    const bool must = rows.size() - i <= still_to_begin && i > begins.back();
    if (still_to_begin > 0 && (full || must)) begins.push_back(i);
    before += static_cast<uint64_t>(rows[i]);
  }
  begins.push_back(rows.size());
  return begins;
}

}  // namespace

int examples_for_rows(const ExampleSource& source, int64_t rows, int64_t step) {
  constexpr uint64_t kMeasured = 128;
  int64_t measured = 0;
  for (uint64_t i = 0; i < kMeasured; ++i) measured += source.rows(Phase::kTraining, i, step);
  const double mean = static_cast<double>(measured) / static_cast<double>(kMeasured);
  constexpr double kMost = 1 << 20;  // of a step; a guard against nonsense
  return static_cast<int>(std::clamp(std::round(static_cast<double>(rows) / mean), 1.0, kMost));
}

BatchLoader::BatchLoader(const ExampleSource& source, int per_step, int64_t mel_bands,
                         uint64_t seed, int64_t first_step, int threads, BatchCut cut,
                         BatchShare share)
    : source_(source),
      per_step_(per_step),
      mel_bands_(mel_bands),
      seed_(seed),
      cut_(cut),
      share_(share),
      next_group_to_make_(static_cast<uint64_t>(first_step / kStepsPerGroup)),
      next_step_(first_step) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

BatchLoader::~BatchLoader() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (auto& thread : threads_) thread.join();
}

Batch BatchLoader::next() {
  std::unique_lock lock(mutex_);
  const auto group = static_cast<uint64_t>(next_step_ / kStepsPerGroup);
  const auto place = static_cast<size_t>(next_step_ % kStepsPerGroup);
  Batch batch = std::move(wait_for(group, lock)[place]);
  ++next_step_;
  if (next_step_ % kStepsPerGroup == 0) ready_.erase(group);
  lock.unlock();
  changed_.notify_all();
  return batch;
}

const std::vector<Batch>& BatchLoader::group() {
  std::unique_lock lock(mutex_);
  return wait_for(static_cast<uint64_t>(next_step_ / kStepsPerGroup), lock);
}

std::vector<Batch>& BatchLoader::wait_for(uint64_t group, std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [&] { return failure_ != nullptr || ready_.contains(group); });
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  return ready_[group];
}

void BatchLoader::work() {
  for (;;) {
    uint64_t group = 0;
    {
      std::unique_lock lock(mutex_);
      // At most one group ahead per thread: memory stays bounded.
      changed_.wait(lock, [&] {
        const auto current = static_cast<uint64_t>(next_step_ / kStepsPerGroup);
        return stopping_ || failure_ != nullptr || next_group_to_make_ <= current + threads_.size();
      });
      if (stopping_ || failure_ != nullptr) return;
      group = next_group_to_make_++;
    }
    try {
      std::vector<Batch> batches = make_group(group);
      const std::lock_guard lock(mutex_);
      ready_.emplace(group, std::move(batches));
    } catch (...) {
      const std::lock_guard lock(mutex_);
      failure_ = std::current_exception();
    }
    changed_.notify_all();
  }
}

std::vector<Batch> BatchLoader::make_group(uint64_t group) const {
  const size_t count = static_cast<size_t>(per_step_) * kStepsPerGroup;
  const int64_t step = static_cast<int64_t>(group) * kStepsPerGroup;
  const bool alone = share_.count == 1;
  const auto make = [&](size_t i) {
    return source_.get(Phase::kTraining, group * count + i, step);
  };
  std::vector<TrainingExample> made;  // of one who needs all
  std::vector<int64_t> rows;
  for (size_t i = 0; i < count; ++i) {
    if (alone) made.push_back(make(i));
    rows.push_back(alone ? std::ssize(made[i].ids)
                         : source_.rows(Phase::kTraining, group * count + i, step));
  }
  std::vector<size_t> by_length(count);
  std::iota(by_length.begin(), by_length.end(), size_t{0});
  std::ranges::stable_sort(by_length, {}, [&](size_t i) { return rows[i]; });
  std::ranges::stable_sort(rows);

  const std::vector<size_t> begins = cut_ == BatchCut::kByRows
                                         ? cut_by_rows(rows, kStepsPerGroup)
                                         : cut_by_count(count, kStepsPerGroup);
  const std::vector<size_t> order =
      shuffled_order(kStepsPerGroup, Rng(seed_, 0x6f72646572 /* "order" */, group));
  std::vector<Batch> batches;
  for (const size_t place : order) {
    std::vector<TrainingExample> examples;
    for (size_t i = begins[place]; i < begins[place + 1]; ++i)
      if (is_mine(i - begins[place] + place))
        examples.push_back(alone ? std::move(made[by_length[i]]) : make(by_length[i]));
    batches.push_back(make_batch(examples, mel_bands_));
  }
  return batches;
}

// Neighbours in length go to different ranks, and each rank is the first in some batches.
bool BatchLoader::is_mine(size_t turn) const {
  return turn % static_cast<size_t>(share_.count) == static_cast<size_t>(share_.rank);
}

}  // namespace stapes::train
