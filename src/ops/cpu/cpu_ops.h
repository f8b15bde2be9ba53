// The operations on this machine's processor: one table of vector kernels, one team of threads.
#pragma once

#include <memory>
#include <new>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "ops/cpu/kernels.h"
#include "ops/ops.h"

namespace stapes {

class CpuOps : public Ops {
 public:
  // threads: 0 is one per core.
  CpuOps(const Kernels& kernels, int threads) : kernels_(kernels), pool_(threads) {}

  std::string_view name() const override { return kernels_.name; }
  void parallel_for(int64_t count, const Body& body) const override {
    pool_.parallel_for(count, 1, body);
  }

 private:
  void run(const op::LinearGroup& args) const override;
  void run(const op::Conv1d& args) const override;
  void run(const op::LayerNorm& args) const override;
  void run(const op::RmsNorm& args) const override;
  void run(const op::GeluErf& args) const override;
  void run(const op::Relu& args) const override;
  void run(const op::SiluMul& args) const override;
  void run(const op::Add& args) const override;
  void run(const op::Softmax& args) const override;
  void run(const op::Embed& args) const override;
  void run(const op::AveragePool& args) const override;
  void run(const op::RopeTable& args) const override;
  void run(const op::Rope& args) const override;
  void run(const op::AttentionBidirectional& args) const override;
  void run(const op::KvWrite& args) const override;
  void run(const op::AttentionPaged& args) const override;

  // Rows as the products with weights of this dtype read them, from the start of a line of the
  // cache.
  static constexpr std::align_val_t kPackedAlignment{64};
  struct FreePacked {
    void operator()(std::byte* rows) const { ::operator delete[](rows, kPackedAlignment); }
  };
  using PackedRows = std::unique_ptr<std::byte[], FreePacked>;
  PackedRows pack(DType dtype, std::span<const float> x, int64_t columns) const;

  // body(begin, end) over rows or elements that cost about `item_cost` multiplications each.
  void for_chunks(int64_t count, int64_t item_cost, const ThreadPool::Body& body) const;

  const Kernels& kernels_;
  mutable ThreadPool pool_;
};

}  // namespace stapes
