// One tensor, converted piece by piece on several threads, with the error that it cost.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/thread_pool.h"
#include "tensor/gguf.h"
#include "tensor/tensor.h"

namespace stapes {

// Of stored against original values.
struct ConversionError {
  double squared_error = 0;
  double squared_sum = 0;  // of the original values
  double largest_error = 0;

  void add(const ConversionError& other);
  // Root of the mean squared error over that of the values; 0 for all zeros.
  double relative_rms() const;
};

// Called after each batch with the original bytes that are done with. Return false to cancel.
using BatchDone = std::function<bool(std::span<const std::byte> original)>;

// Hands the tensor's values, stored as `dtype`, to the sink in order. `where` names the tensor and
// its file in messages. Throws kInvalidModel for a value that is not finite, kUnsupported for one
// that a 16-bit `dtype` cannot hold, kCancelled where batch_done says so, and what the sink throws.
// The result does not depend on the number of threads.
ConversionError write_converted(const TensorView& original, DType dtype, const std::string& where,
                                ThreadPool& threads, const GgufSink& sink,
                                const BatchDone& batch_done);

}  // namespace stapes
