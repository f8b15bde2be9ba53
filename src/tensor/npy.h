// NumPy's .npy (format 1.0), so that anyone can compare our numbers with the Python original.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "tensor/tensor.h"

namespace stapes {

void write_npy(const std::filesystem::path& path, std::span<const float> values,
               const Shape& shape);
void write_npy(const std::filesystem::path& path, std::span<const int64_t> values,
               const Shape& shape);

}  // namespace stapes
