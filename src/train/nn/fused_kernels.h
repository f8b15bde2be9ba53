// Loops over f32 in main memory that libtorch would make as several passes. Letters: N rows, D
// width, K keys. Each is a pure function of its row.
#pragma once

#include <cstdint>

namespace stapes::train::kernels {

// y = x Phi(x), slope = dy/dx (null: not wanted); absolute error below 1e-7 |x|. [N]
void gelu(const float* x, float* y, float* slope, int64_t n);

// y = silu(gate) up. [N]
void gated(const float* gate, const float* up, float* y, int64_t n);
void gated_backward(const float* gate, const float* up, const float* dy, float* dgate, float* dup,
                    int64_t n);

// y = x r w with r = 1 / sqrt(mean(x^2) + eps), which is kept. One row of D.
void rms_norm(const float* x, const float* weight, float eps, float* y, float* r, int64_t d);
// Adds to dweight.
void rms_norm_backward(const float* x, const float* weight, float r, const float* dy, float* dx,
                       float* dweight, int64_t d);

// y = x cos + rotate_half(x) (direction sin), halves paired: one head of D; direction -1 turns a
// gradient back.
void rotate(const float* x, const float* cosine, const float* sine, float direction, float* y,
            int64_t d);

// y = softmax(scale x + bias): one row of K.
void softmax(const float* x, const float* bias, float scale, float* y, int64_t k);
void softmax_backward(const float* y, const float* dy, float scale, float* dx, int64_t k);

}  // namespace stapes::train::kernels
