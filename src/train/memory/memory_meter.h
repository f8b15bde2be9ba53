// What libtorch's tensors take, counted at its allocators: exact, and blind to everything else.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <atomic>
#include <cstdint>
#include <memory>

namespace stapes::train {

// Counts what this thread and the backward passes that it starts take and give back while the
// object lives, on all devices together. What was there before is not counted, nor is its end.
class MemoryMeter {
 public:
  MemoryMeter();

  int64_t now_bytes() const { return counter_->now; }
  int64_t peak_bytes() const { return counter_->peak; }
  // The peak from here on.
  void restart_peak() { counter_->peak = counter_->now.load(); }

 private:
  struct Counter : c10::MemoryReportingInfoBase {
    void reportMemoryUsage(void* ptr, int64_t bytes, int64_t total, int64_t reserved,
                           c10::Device device) override;
    bool memoryProfilingEnabled() const override { return true; }
    std::atomic<int64_t> now{0}, peak{0};
  };
  std::shared_ptr<Counter> counter_;
  c10::DebugInfoGuard guard_;
};

}  // namespace stapes::train
