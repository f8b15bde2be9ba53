#include "audio/log_mel.h"

#include <kissfft/kiss_fftr.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <type_traits>
#include <utility>

#include "audio/mel_scale.h"
#include "base/check.h"
#include "stapes/audio.h"

namespace stapes {
namespace {

static_assert(std::is_same_v<kiss_fft_scalar, float>, "kissfft must be its float build");

constexpr int64_t kFftSize = 400;
constexpr int64_t kHopSamples = 160;
constexpr int64_t kBins = kFftSize / 2 + 1;
constexpr int64_t kRightPadSamples = 479;
constexpr int64_t kReflectSamples = kFftSize / 2;
constexpr float kPowerFloor = 1e-10F;

// One triangle without its zeros.
struct Band {
  size_t first_bin = 0;
  std::vector<float> weights;
};

std::vector<Band> sparse_bands(const std::vector<float>& filter_bank) {
  std::vector<Band> bands;
  for (auto row = filter_bank.begin(); row != filter_bank.end(); row += kBins) {
    const auto is_nonzero = [](float weight) { return weight != 0.0F; };
    const auto first = std::find_if(row, row + kBins, is_nonzero);
    const auto last = std::find_if(std::make_reverse_iterator(row + kBins),
                                   std::make_reverse_iterator(first), is_nonzero)
                          .base();
    bands.push_back({static_cast<size_t>(first - row), std::vector<float>(first, last)});
  }
  return bands;
}

// The clip-wide part, possible only when every frame is known.
void normalize(std::vector<float>& log_powers) {
  if (log_powers.empty()) return;
  const float floor = *std::max_element(log_powers.begin(), log_powers.end()) - 8.0F;
  for (float& value : log_powers) value = (std::max(value, floor) + 4.0F) / 4.0F;
}

}  // namespace

int64_t mel_frame_count(int64_t samples) {
  return samples <= 0 ? 0 : (samples + kRightPadSamples) / kHopSamples;
}

std::vector<float> mel_filter_bank(int64_t bands) {
  STAPES_CHECK(bands > 0, "{} mel bands", bands);
  std::vector<double> edges_hz(static_cast<size_t>(bands + 2));
  for (size_t i = 0; i < edges_hz.size(); ++i)
    edges_hz[i] = mel_band_centre_hz(static_cast<double>(i) - 1.0, bands);

  std::vector<float> filters;
  filters.reserve(static_cast<size_t>(bands * kBins));
  for (size_t band = 0; band < static_cast<size_t>(bands); ++band) {
    const double low = edges_hz[band], center = edges_hz[band + 1], high = edges_hz[band + 2];
    const double norm = 2.0 / (high - low);  // Slaney: every triangle has the same area
    for (int64_t bin = 0; bin < kBins; ++bin) {
      const double hz = static_cast<double>(bin * kSampleRateHz) / static_cast<double>(kFftSize);
      const double rise = (hz - low) / (center - low), fall = (high - hz) / (high - center);
      filters.push_back(static_cast<float>(std::max(0.0, std::min(rise, fall)) * norm));
    }
  }
  return filters;
}

struct LogMel::Impl {
  explicit Impl(int64_t bands) : mel_bands(sparse_bands(mel_filter_bank(bands))) {
    for (size_t i = 0; i < window.size(); ++i)
      window[i] = static_cast<float>(
          0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * static_cast<double>(i) / kFftSize));
  }
  int64_t bands() const { return static_cast<int64_t>(mel_bands.size()); }

  std::vector<Band> mel_bands;           // [M]
  std::array<float, kFftSize> window{};  // periodic Hann
};

// Kissfft writes into its plan, so every user has its own; the rest is scratch for one frame.
class StreamingLogMel::FrameTransform {
 public:
  FrameTransform() : plan_(kiss_fftr_alloc(kFftSize, 0, nullptr, nullptr)) {
    STAPES_CHECK(plan_ != nullptr, "no FFT plan");
  }
  ~FrameTransform() { kiss_fftr_free(plan_); }
  FrameTransform(const FrameTransform&) = delete;
  FrameTransform& operator=(const FrameTransform&) = delete;

  // samples: kFftSize of them. out: [M], log10 of the mel powers.
  void run(const LogMel::Impl& mel, const float* samples, float* out) {
    for (size_t i = 0; i < windowed_.size(); ++i) windowed_[i] = samples[i] * mel.window[i];
    kiss_fftr(plan_, windowed_.data(), spectrum_.data());
    for (size_t bin = 0; bin < power_.size(); ++bin)
      power_[bin] = spectrum_[bin].r * spectrum_[bin].r + spectrum_[bin].i * spectrum_[bin].i;
    for (const Band& band : mel.mel_bands) {
      const float* power = power_.data() + band.first_bin;
      float sum = 0.0F;
      for (size_t i = 0; i < band.weights.size(); ++i) sum += power[i] * band.weights[i];
      *out++ = std::log10(std::max(sum, kPowerFloor));
    }
  }

 private:
  kiss_fftr_cfg plan_;
  std::array<float, kFftSize> windowed_{};
  std::array<kiss_fft_cpx, kBins> spectrum_{};
  std::array<float, kBins> power_{};
};

LogMel::LogMel(int64_t bands) : impl_(std::make_shared<Impl>(bands)) {}
LogMel::~LogMel() = default;
LogMel::LogMel(LogMel&&) noexcept = default;
LogMel& LogMel::operator=(LogMel&&) noexcept = default;

int64_t LogMel::bands() const {
  return impl_->bands();
}

MelSpectrogram LogMel::compute(std::span<const float> samples) const {
  StreamingLogMel stream(*this);
  stream.reserve(static_cast<int64_t>(samples.size()));
  stream.push(samples);
  return stream.finish();
}

StreamingLogMel::StreamingLogMel(const LogMel& mel)
    : impl_(mel.impl_), transform_(std::make_unique<FrameTransform>()) {}
StreamingLogMel::~StreamingLogMel() = default;
StreamingLogMel::StreamingLogMel(StreamingLogMel&&) noexcept = default;
StreamingLogMel& StreamingLogMel::operator=(StreamingLogMel&&) noexcept = default;

void StreamingLogMel::reserve(int64_t samples) {
  pending_.reserve(static_cast<size_t>(samples + kRightPadSamples + 2 * kReflectSamples));
  const int64_t frames = mel_frame_count(samples) + 1;  // with the one that finish() drops
  log_powers_.reserve(static_cast<size_t>(frames * impl_->bands()));
}

void StreamingLogMel::push(std::span<const float> samples) {
  samples_seen_ += static_cast<int64_t>(samples.size());
  append(samples);
}

void StreamingLogMel::append(std::span<const float> samples) {
  pending_.insert(pending_.end(), samples.begin(), samples.end());
  if (!left_border_made_) {
    // The border mirrors samples 1 ... 200, so it waits for them.
    if (pending_.size() <= kReflectSamples) return;
    const std::vector<float> border(pending_.begin() + 1, pending_.begin() + 1 + kReflectSamples);
    pending_.insert(pending_.begin(), border.rbegin(), border.rend());
    left_border_made_ = true;
  }
  take_frames();
}

void StreamingLogMel::take_frames() {
  const size_t bands = impl_->mel_bands.size();
  size_t begin = 0;
  for (; begin + kFftSize <= pending_.size(); begin += kHopSamples) {
    log_powers_.resize(log_powers_.size() + bands);
    transform_->run(*impl_, pending_.data() + begin,
                    log_powers_.data() + log_powers_.size() - bands);
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(begin));
}

int64_t StreamingLogMel::frames_ready() const {
  return static_cast<int64_t>(log_powers_.size()) / impl_->bands();
}

MelSpectrogram StreamingLogMel::finish() {
  const int64_t frames = mel_frame_count(samples_seen_);
  if (frames > 0) {
    // The right border mirrors at most 200 samples of a right pad of 479 zeros, so it is zeros too;
    // and with the pad every clip, however short, is long enough to be mirrored on the left.
    static constexpr std::array<float, kRightPadSamples + kReflectSamples> kZeros{};
    append(kZeros);
  }
  log_powers_.resize(static_cast<size_t>(frames * impl_->bands()));  // the last frame is dropped
  normalize(log_powers_);
  MelSpectrogram spectrogram{frames, impl_->bands(), std::move(log_powers_)};
  pending_.clear();
  log_powers_.clear();
  samples_seen_ = 0;
  left_border_made_ = false;
  return spectrogram;
}

}  // namespace stapes
