// The release's log-mel (reference A4): right-pad 479 zeros, STFT n_fft 400, hop 160, periodic
// Hann, centred with reflected borders, last frame dropped, power, slaney mel 0-8000 Hz with slaney
// norm, log10(max(x, 1e-10)), max(x, clip maximum - 8), (x + 4) / 4.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace stapes {

struct MelSpectrogram {
  int64_t frames = 0;         // S = mel_frame_count(samples)
  int64_t bands = 0;          // M
  std::vector<float> values;  // [S, M], row-major
  std::span<const float> frame(int64_t index) const {
    return std::span(values).subspan(static_cast<size_t>(index * bands),
                                     static_cast<size_t>(bands));
  }
};

// (samples + 479) / 160; 0 for no samples. The pad of 479 zeros makes the shortest clip, one
// sample, longer than the border of 200 that is mirrored, so every clip of at least one sample has
// 3 frames or more.
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
  // samples: mono 16 kHz. Empty input gives zero frames. Finite samples give finite values.
  MelSpectrogram compute(std::span<const float> samples) const;
  int64_t bands() const;

 private:
  friend class StreamingLogMel;
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

// The same numbers, bit for bit, from samples that arrive in pieces of any size. A frame's log
// powers are computed as soon as its samples are there; the clip-wide normalization waits for
// finish(). For one thread at a time.
class StreamingLogMel {
 public:
  explicit StreamingLogMel(const LogMel& mel);
  ~StreamingLogMel();
  StreamingLogMel(StreamingLogMel&&) noexcept;
  StreamingLogMel& operator=(StreamingLogMel&&) noexcept;

  // A clip of about this many samples will come: avoids growing the buffers.
  void reserve(int64_t samples);
  void push(std::span<const float> samples);
  int64_t frames_ready() const;
  // What LogMel::compute returns for all samples pushed; then ready for the next clip.
  MelSpectrogram finish();

 private:
  class FrameTransform;
  void append(std::span<const float> samples);
  void take_frames();

  std::shared_ptr<const LogMel::Impl> impl_;
  std::unique_ptr<FrameTransform> transform_;
  std::vector<float> pending_;     // from the start of the next frame, borders included
  std::vector<float> log_powers_;  // [frames, M], log10 before normalization
  int64_t samples_seen_ = 0;
  bool left_border_made_ = false;
};

}  // namespace stapes
