// The release's log-mel (reference A4): right-pad 479 zeros, STFT n_fft 400, hop 160, periodic Hann,
// centred with reflected borders, last frame dropped, power, slaney mel 0-8000 Hz with slaney norm,
// log10(max(x, 1e-10)), max(x, clip maximum - 8), (x + 4) / 4.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace stapes {

struct MelSpectrogram {
  int64_t frames = 0;         // S = (samples + 479) / 160
  int64_t bands = 0;          // M
  std::vector<float> values;  // [S, M], row-major
  std::span<const float> frame(int64_t index) const {
    return std::span(values).subspan(static_cast<size_t>(index * bands), static_cast<size_t>(bands));
  }
};

int64_t mel_frame_count(int64_t samples);

// Slaney-scale, slaney-norm triangular filters, [M, 201] (librosa.filters.mel's default).
std::vector<float> mel_filter_bank(int64_t bands);

// Thread-safe once made: compute() keeps its scratch on the stack or in locals.
class LogMel {
 public:
  explicit LogMel(int64_t bands = 128);
  ~LogMel();
  LogMel(LogMel&&) noexcept;
  LogMel& operator=(LogMel&&) noexcept;
  // samples: mono 16 kHz. Empty input gives zero frames.
  MelSpectrogram compute(std::span<const float> samples) const;
  int64_t bands() const;

 private:
  friend class StreamingLogMel;
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

// The same numbers from samples that arrive in pieces of any size. Frames before the clip-wide
// normalization are available as they complete; finish() returns what LogMel::compute would.
class StreamingLogMel {
 public:
  explicit StreamingLogMel(const LogMel& mel);
  void push(std::span<const float> samples);
  int64_t frames_ready() const;
  MelSpectrogram finish();

 private:
  std::shared_ptr<const LogMel::Impl> impl_;
  std::vector<float> pending_;     // samples not yet consumed by a frame
  std::vector<float> log_powers_;  // [frames, M], log10 before normalization
  int64_t samples_seen_ = 0;
};

}  // namespace stapes
