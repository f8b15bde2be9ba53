#include "train/nn/fused_kernels.h"

#include <bit>
#include <cmath>
#include <limits>

// The compiler makes each loop for several levels of vectors; the processor's is taken at the
// start.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define STAPES_VECTORS __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define STAPES_VECTORS
#endif

namespace stapes::train::kernels {
namespace {

// e^x within 2e-7 of itself: 2^n times a series for the rest of at most ln(2) / 2. 0 below e^-87.
[[gnu::always_inline]] inline float exponential(float x) {
  constexpr float kLog2E = 1.44269504f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: what is added to it is rounded
  constexpr float kLeast = -87.0f, kMost = 88.0f;
  float inside = x < kLeast ? kLeast : x;
  inside = inside > kMost ? kMost : inside;
  const float n = (inside * kLog2E + kRounder) - kRounder;
  const float r = (inside - n * kLn2High) - n * kLn2Low;
  float sum = 1.0f / 5040;
  sum = sum * r + 1.0f / 720;
  sum = sum * r + 1.0f / 120;
  sum = sum * r + 1.0f / 24;
  sum = sum * r + 1.0f / 6;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  const float power = std::bit_cast<float>((static_cast<int32_t>(n) + 127) << 23);
  return x < kLeast ? 0.0f : sum * power;
}

struct Normal {
  float distribution;  // Phi(x)
  float density;       // its derivative
};

// erfc by Abramowitz and Stegun 7.1.26: five terms times the density's own exponential.
[[gnu::always_inline]] inline Normal normal(float x) {
  constexpr float kHalfRoot = 0.70710678f, kDensity = 0.39894228f;
  const float z = std::fabs(x) * kHalfRoot;
  const float e = exponential(-z * z);
  const float t = 1.0f / (1.0f + 0.3275911f * z);
  float sum = 1.061405429f;
  sum = sum * t - 1.453152027f;
  sum = sum * t + 1.421413741f;
  sum = sum * t - 0.284496736f;
  sum = sum * t + 0.254829592f;
  const float tail = 0.5f * sum * t * e;
  return {x < 0 ? tail : 1.0f - tail, kDensity * e};
}

[[gnu::always_inline]] inline float sigmoid(float x) {
  return 1.0f / (1.0f + exponential(-x));
}

}  // namespace

STAPES_VECTORS void gelu(const float* x, float* y, float* slope, int64_t n) {
  if (slope == nullptr) {
#pragma omp simd
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] * normal(x[i]).distribution;
    return;
  }
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const Normal at = normal(x[i]);
    y[i] = x[i] * at.distribution;
    slope[i] = at.distribution + x[i] * at.density;
  }
}

STAPES_VECTORS void gated(const float* gate, const float* up, float* y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = gate[i] * sigmoid(gate[i]) * up[i];
}

STAPES_VECTORS void gated_backward(const float* gate, const float* up, const float* dy,
                                   float* dgate, float* dup, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float open = sigmoid(gate[i]);
    dup[i] = dy[i] * gate[i] * open;
    dgate[i] = dy[i] * up[i] * open * (1.0f + gate[i] * (1.0f - open));
  }
}

STAPES_VECTORS void rms_norm(const float* x, const float* weight, float eps, float* y, float* r,
                             int64_t d) {
  float squares = 0;
#pragma omp simd reduction(+ : squares)
  for (int64_t i = 0; i < d; ++i) squares += x[i] * x[i];
  const float root = 1.0f / std::sqrt(squares / static_cast<float>(d) + eps);
#pragma omp simd
  for (int64_t i = 0; i < d; ++i) y[i] = x[i] * root * weight[i];
  *r = root;
}

STAPES_VECTORS void rms_norm_backward(const float* x, const float* weight, float r, const float* dy,
                                      float* dx, float* dweight, int64_t d) {
  float along = 0;
#pragma omp simd reduction(+ : along)
  for (int64_t i = 0; i < d; ++i) along += dy[i] * weight[i] * x[i];
  const float share = along * r * r / static_cast<float>(d);
#pragma omp simd
  for (int64_t i = 0; i < d; ++i) {
    dx[i] = r * (dy[i] * weight[i] - x[i] * share);
    dweight[i] += dy[i] * x[i] * r;
  }
}

STAPES_VECTORS void rotate(const float* x, const float* cosine, const float* sine, float direction,
                           float* y, int64_t d) {
  const int64_t half = d / 2;
#pragma omp simd
  for (int64_t i = 0; i < half; ++i) {
    const float first = x[i], second = x[i + half];
    y[i] = first * cosine[i] - second * (direction * sine[i]);
    y[i + half] = second * cosine[i + half] + first * (direction * sine[i + half]);
  }
}

STAPES_VECTORS void softmax(const float* x, const float* bias, float scale, float* y, int64_t k) {
  float most = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : most)
  for (int64_t i = 0; i < k; ++i) {
    y[i] = scale * x[i] + bias[i];
    most = y[i] > most ? y[i] : most;
  }
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < k; ++i) {
    y[i] = exponential(y[i] - most);
    sum += y[i];
  }
  const float share = 1.0f / sum;
#pragma omp simd
  for (int64_t i = 0; i < k; ++i) y[i] *= share;
}

STAPES_VECTORS void softmax_backward(const float* y, const float* dy, float scale, float* dx,
                                     int64_t k) {
  float along = 0;
#pragma omp simd reduction(+ : along)
  for (int64_t i = 0; i < k; ++i) along += y[i] * dy[i];
#pragma omp simd
  for (int64_t i = 0; i < k; ++i) dx[i] = scale * y[i] * (dy[i] - along);
}

}  // namespace stapes::train::kernels
