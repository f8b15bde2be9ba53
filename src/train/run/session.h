// What the runs of all stages share: libtorch's settings, the run's folder, resuming, bad steps.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "tensor/tensor.h"
#include "train/libtorch.h"
#include "train/nn/parameters.h"
#include "train/parallel/ranks.h"
#include "train/run/checkpoint.h"

namespace stapes::train {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start);

// "bf16", "f16" or "f32", as a recipe has been checked for.
DType save_dtype(const std::string& name);

// Threads of libtorch and of the library below it; oneDNN only where it computes right
// (docs/training.md). Returns the device to train on.
torch::Device prepare_libtorch(int threads, const std::string& dtype);

// Matrix products in bf16 while it lives; weights, norms and losses stay f32.
class Bf16Products {
 public:
  Bf16Products(bool enabled, torch::Device device);
  Bf16Products(const Bf16Products&) = delete;
  Bf16Products& operator=(const Bf16Products&) = delete;
  ~Bf16Products();

 private:
  bool enabled_, cuda_;
};

// What the first of the ranks does for all of them, a file of the run say: what `work` returns
// comes back to each, and what it throws, all throw.
std::string done_by_the_first(const Ranks& ranks, const std::string& what,
                              const std::function<std::string()>& work);

// Makes the run's folder and keeps the recipe's text in it. Returns the checkpoint to go on from;
// none for a new run. Throws kNotFound (resume without a checkpoint), kUsage (a new run in the
// folder of an old one), kIo; what the first of several ranks throws, all throw.
std::optional<std::filesystem::path> open_run(const std::filesystem::path& run_folder,
                                              const std::string& recipe_text, bool resume,
                                              const Ranks& ranks = Ranks());

// Where a rank's logs go: the first one's are the run's, the others' are in RUN/rank-N.
std::filesystem::path log_folder(const std::filesystem::path& run_folder, const Ranks& ranks);

// Throws kInvalidData where `checkpoint` is of another stage, or was made with another recipe or
// other data than `expected`.
void check_unchanged(const std::filesystem::path& checkpoint, const TrainerState& state,
                     const TrainerState& expected);

Parameters on_cpu(const Parameters& parameters);

// A step that cannot be done (numbers that are not finite, say) is skipped and counted; several in
// a row mean that the weights or the data are broken.
class StepGuard {
 public:
  explicit StepGuard(int limit) : limit_(limit) {}
  // `trouble`: what is wrong with the step, as a clause; empty: nothing. Throws kInvalidData at the
  // limit, naming the last good checkpoint and `hint`.
  void note(const std::string& trouble, int64_t step, const std::filesystem::path& run_folder,
            const std::string& hint = "");

 private:
  int limit_, in_a_row_ = 0;
};

}  // namespace stapes::train
