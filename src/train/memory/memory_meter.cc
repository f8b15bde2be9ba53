#include "train/memory/memory_meter.h"

namespace stapes::train {

MemoryMeter::MemoryMeter()
    : counter_(std::make_shared<Counter>()), guard_(c10::DebugInfoKind::PROFILER_STATE, counter_) {}

void MemoryMeter::Counter::reportMemoryUsage(void* /*ptr*/, int64_t bytes, int64_t /*total*/,
                                             int64_t /*reserved*/, c10::Device /*device*/) {
  const int64_t after = now += bytes;
  int64_t before = peak;
  while (after > before && !peak.compare_exchange_weak(before, after)) {
  }
}

}  // namespace stapes::train
