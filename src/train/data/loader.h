// Batches in order of steps, made ahead by threads of their own.
#pragma once

#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include "train/data/batch.h"
#include "train/data/source.h"

namespace stapes::train {

// Groups of `kStepsPerGroup` steps are made together and sorted by length, so that the clips of a
// batch need little padding; the order of the batches inside a group is shuffled. A batch is a pure
// function of its step.
class BatchLoader {
 public:
  static constexpr int64_t kStepsPerGroup = 8;

  BatchLoader(const ExampleSource& source, int clips_per_step, int64_t mel_bands, uint64_t seed,
              int64_t first_step, int threads);
  ~BatchLoader();

  // The batch of the next step. Rethrows what a thread threw.
  Batch next();

 private:
  void work();
  std::vector<Batch> make_group(uint64_t group) const;

  const ExampleSource& source_;
  const int clips_per_step_;
  const int64_t mel_bands_;
  const uint64_t seed_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, std::vector<Batch>> ready_;  // by group
  uint64_t next_group_to_make_;
  int64_t next_step_;
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::vector<std::thread> threads_;
};

}  // namespace stapes::train
