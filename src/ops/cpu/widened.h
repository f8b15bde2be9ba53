// A small weight (a bias, a norm's scale) as f32: in place where the file holds aligned f32, else
// widened.
#pragma once

#include <cstdint>
#include <vector>

#include "ops/cpu/kernels.h"
#include "tensor/tensor.h"

namespace stapes {

class Widened {
 public:
  Widened(const Kernels& kernels, const TensorView& view) {
    if (view.data == nullptr) return;
    const bool aligned = reinterpret_cast<uintptr_t>(view.data) % alignof(float) == 0;
    if (view.dtype == DType::kF32 && aligned) {
      data_ = reinterpret_cast<const float*>(view.data);
      return;
    }
    copy_.resize(static_cast<size_t>(view.element_count()));
    kernels.widen(view.data, view.dtype, view.element_count(), copy_.data());
    data_ = copy_.data();
  }
  Widened(Widened&&) = default;  // a moved vector keeps its memory
  Widened(const Widened&) = delete;
  Widened& operator=(const Widened&) = delete;

  // Null where the view has no data.
  const float* data() const { return data_; }

 private:
  std::vector<float> copy_;
  const float* data_ = nullptr;
};

}  // namespace stapes
