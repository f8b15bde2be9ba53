#include "audio/resampler.h"

#include <soxr.h>

#include <array>
#include <cmath>

#include "base/check.h"
#include "base/fail.h"

namespace stapes {

struct Resampler::Impl {
  Impl(double from_hz, double to_hz) {
    const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_VHQ, 0);
    const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
    const soxr_runtime_spec_t one_thread = soxr_runtime_spec(1);
    soxr_error_t error = nullptr;
    soxr = soxr_create(from_hz, to_hz, 1, &error, &io, &quality, &one_thread);
    if (error != nullptr)
      fail(ErrorCode::kUnsupported, "cannot resample from {} Hz to {} Hz: {}", from_hz, to_hz,
           error);
  }
  ~Impl() { soxr_delete(soxr); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // data == nullptr: end of input. Runs until all input is taken and no more output comes.
  void process(const float* data, size_t count, std::vector<float>& out) {
    size_t taken = 0;
    for (;;) {
      size_t consumed = 0, produced = 0;
      const float* input = data == nullptr ? nullptr : data + taken;
      const soxr_error_t error = soxr_process(soxr, input, count - taken, &consumed, block.data(),
                                              block.size(), &produced);
      STAPES_CHECK(error == nullptr, "soxr: {}", error);
      out.insert(out.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(produced));
      taken += consumed;
      if (produced < block.size() && taken == count) return;
    }
  }

  soxr_t soxr = nullptr;
  std::array<float, 4096> block{};
};

Resampler::Resampler(double from_hz, double to_hz) {
  if (!(std::isfinite(from_hz) && from_hz > 0 && std::isfinite(to_hz) && to_hz > 0))
    fail(ErrorCode::kUsage, "expected sample rates above 0 Hz, got {} Hz to {} Hz", from_hz, to_hz);
  if (from_hz != to_hz) impl_ = std::make_unique<Impl>(from_hz, to_hz);
}
Resampler::~Resampler() = default;
Resampler::Resampler(Resampler&&) noexcept = default;
Resampler& Resampler::operator=(Resampler&&) noexcept = default;

void Resampler::push(std::span<const float> samples, std::vector<float>& out) {
  if (samples.empty()) return;  // soxr would take a null pointer for the end of the input
  if (impl_ == nullptr) {
    out.insert(out.end(), samples.begin(), samples.end());
  } else {
    impl_->process(samples.data(), samples.size(), out);
  }
}

void Resampler::finish(std::vector<float>& out) {
  if (impl_ != nullptr) impl_->process(nullptr, 0, out);
}

}  // namespace stapes
