// Random weights in any storage type, made faster than they could be quantized: what a product
// costs does not depend on the numbers, as long as they are ordinary ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "tensor/tensor.h"

namespace stapes {

// Fills whole elements, or whole tiles of blocks (tensor/quantized.h), with numbers of mean 0
// (about 0 for quantized types) and standard deviation `deviation`. The same `stream` gives the
// same bytes with any number of threads.
void fill_random(DType dtype, double deviation, uint64_t stream, ThreadPool& pool,
                 std::span<std::byte> out);

}  // namespace stapes
