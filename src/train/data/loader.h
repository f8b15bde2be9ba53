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

// How the sorted examples of a group become batches: as many in each, or as many rows in each.
enum class BatchCut : uint8_t { kByCount, kByRows };

// How many examples a step has on average where it is to have `rows` rows (a sample's tokens, sound
// included), by the lengths of the first 128 examples at `step`: a pure function of the source.
int examples_for_rows(const ExampleSource& source, int64_t rows, int64_t step);

// Which part of each batch a process takes where several share them.
struct BatchShare {
  int rank = 0, count = 1;
};

// Groups of `kStepsPerGroup` steps are made together and sorted by length, so that the clips of a
// batch need little padding; the order of the batches inside a group is shuffled. A batch is a pure
// function of its step: with kByRows, too, every group has the same number of examples.
// Ranks that share batches know the lengths of all examples (ExampleSource::rows) and make their
// own only: together these are the same batches as those of one process, and no rank's part has two
// examples more than another's. A part may be empty.
class BatchLoader {
 public:
  static constexpr int64_t kStepsPerGroup = 8;

  // `per_step` examples in each batch, or with kByRows on the average.
  BatchLoader(const ExampleSource& source, int per_step, int64_t mel_bands, uint64_t seed,
              int64_t first_step, int threads, BatchCut cut = BatchCut::kByCount,
              BatchShare share = {});
  ~BatchLoader();

  // The batch of the next step. Rethrows what a thread threw.
  Batch next();
  // The batches that are made together with the next one; until next() is called.
  const std::vector<Batch>& group();

 private:
  // Waits for a group. The lock is held before and after.
  std::vector<Batch>& wait_for(uint64_t group, std::unique_lock<std::mutex>& lock);
  void work();
  std::vector<Batch> make_group(uint64_t group) const;
  bool is_mine(size_t turn) const;

  const ExampleSource& source_;
  const int per_step_;
  const int64_t mel_bands_;
  const uint64_t seed_;
  const BatchCut cut_;
  const BatchShare share_;

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
