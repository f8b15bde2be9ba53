#include "train/data/loader.h"

#include <algorithm>

#include "train/data/shuffle.h"

namespace stapes::train {

BatchLoader::BatchLoader(const ExampleSource& source, int clips_per_step, int64_t mel_bands,
                         uint64_t seed, int64_t first_step, int threads)
    : source_(source),
      clips_per_step_(clips_per_step),
      mel_bands_(mel_bands),
      seed_(seed),
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
  changed_.wait(lock, [&] { return failure_ != nullptr || ready_.contains(group); });
  if (failure_ != nullptr) std::rethrow_exception(failure_);
  Batch batch = std::move(ready_[group][place]);
  ++next_step_;
  if (next_step_ % kStepsPerGroup == 0) ready_.erase(group);
  lock.unlock();
  changed_.notify_all();
  return batch;
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
  const auto per_step = static_cast<size_t>(clips_per_step_);
  const size_t count = per_step * kStepsPerGroup;
  const int64_t step = static_cast<int64_t>(group) * kStepsPerGroup;
  std::vector<TrainingExample> examples;
  for (size_t i = 0; i < count; ++i)
    examples.push_back(source_.get(Phase::kTraining, group * count + i, step));
  std::stable_sort(examples.begin(), examples.end(),
                   [](const auto& a, const auto& b) { return a.ids.size() < b.ids.size(); });

  const std::vector<size_t> order =
      shuffled_order(kStepsPerGroup, Rng(seed_, 0x6f72646572 /* "order" */, group));
  std::vector<Batch> batches;
  for (const size_t place : order) {
    const auto begin = examples.begin() + static_cast<int64_t>(place * per_step);
    batches.push_back(make_batch({std::make_move_iterator(begin),
                                  std::make_move_iterator(begin + static_cast<int64_t>(per_step))},
                                 mel_bands_));
  }
  return batches;
}

}  // namespace stapes::train
