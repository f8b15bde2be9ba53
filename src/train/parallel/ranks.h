// The processes that train one model together, each on its part of every batch (data parallel).
// Gloo over TCP here; the same code takes NCCL where libtorch has it and the tensors are on a GPU.
// Sharded weights would come in between: parameters and optimizer live in one place today, the
// gradients' sum in another (Ranks::sum), and nothing else knows how many ranks there are.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "train/libtorch.h"

namespace stapes::train {

// Where this process stands, as the launcher says it in the environment: torchrun's (RANK,
// WORLD_SIZE), Open MPI's, MPICH's (PMI_) or Slurm's variables; without any, one process.
// They meet at MASTER_ADDR:MASTER_PORT; without these at this machine, on a port that follows from
// the launcher's job.
struct Placement {
  int rank = 0, count = 1;
  std::string address = "127.0.0.1";
  uint16_t port = 29500;
  // Of a collective operation: until then the others may be at work, or lost.
  // STAPES_RANK_TIMEOUT_S.
  std::chrono::seconds timeout{1800};
};
// Throws kUsage for numbers that cannot be, and for several machines without MASTER_ADDR.
Placement placement_from_environment();

// All functions are called by all ranks in the same order, from one thread.
// `what` says what is being done, for errors: a rank that is lost or late is reported by the
// others as kIo, with their own rank, `what` and how long they waited.
class Ranks {
 public:
  Ranks();  // one process alone: everything below is the identity
  // Waits until all have come. Throws kIo.
  explicit Ranks(const Placement& placement);
  ~Ranks();
  Ranks(Ranks&&) noexcept;
  Ranks& operator=(Ranks&&) noexcept;

  int rank() const { return placement_.rank; }
  int count() const { return placement_.count; }
  bool alone() const { return placement_.count == 1; }
  bool leads() const { return placement_.rank == 0; }  // writes files, prints
  // Whether item `index` of what is shared out belongs to this rank.
  bool owns(uint64_t index) const {
    return index % static_cast<uint64_t>(count()) == static_cast<uint64_t>(rank());
  }

  // Sums over all ranks, in place. In f64 for numbers.
  void sum(std::vector<double>& numbers, const std::string& what) const;
  // The same for numbers that stand here and there, the fields of a struct say.
  void sum(const std::vector<double*>& numbers, const std::string& what) const;
  // The gradients of `tensors`; one that a rank does not have (no sound in its part) counts as
  // zeros. After it all have the same bits.
  void sum_gradients(std::span<const torch::Tensor> tensors, const std::string& what) const;
  // Rank 0's values to all. Used at the start, so that all have the same weights.
  void broadcast(std::span<const torch::Tensor> tensors, const std::string& what) const;
  // True if it is for any: a signal to stop, numbers that are not finite.
  bool any(bool here, const std::string& what) const;
  // Every rank's text, in order of ranks.
  std::vector<std::string> gather(const std::string& text, const std::string& what) const;

 private:
  struct Connection;
  template <typename Work>
  void wait(const std::string& what, Work&& work) const;

  Placement placement_;
  std::unique_ptr<Connection> connection_;  // none: alone
};

}  // namespace stapes::train
