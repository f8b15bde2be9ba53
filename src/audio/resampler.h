// Sample-rate conversion of a stream of any length (soxr, very high quality), mono.
#pragma once

#include <memory>
#include <span>
#include <vector>

namespace stapes {

class Resampler {
 public:
  // Rates in Hz; equal rates copy the samples. Throws kUsage unless both are finite and above zero.
  Resampler(double from_hz, double to_hz);
  ~Resampler();
  Resampler(Resampler&&) noexcept;
  Resampler& operator=(Resampler&&) noexcept;

  // Appends to `out` what the samples so far determine (the filter looks ahead).
  void push(std::span<const float> samples, std::vector<float>& out);
  // Appends the rest: in all round(samples · to_hz / from_hz) samples, give or take one.
  // Nothing may be pushed after it.
  void finish(std::vector<float>& out);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;  // null where the rates are equal
};

}  // namespace stapes
