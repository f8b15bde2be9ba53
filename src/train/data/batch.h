// Examples padded to one size. Plain vectors: the torch side wraps them without a copy.
// Letters: B examples, C clips of all of them, S mel frames, M bands, P encoder frames, T rows.
#pragma once

#include "train/data/example.h"

namespace stapes::train {

struct Batch {
  int64_t examples = 0, rows = 0;       // B, T
  std::vector<int64_t> ids, positions;  // [B, T]; padding: id 0, position 0
  std::vector<int64_t> segments;        // [B, T]; padding: -1
  std::vector<int64_t> labels;          // [B, T]; kIgnore: not in the loss

  int64_t clips = 0, mel_frames = 0, mel_bands = 0;  // C, S, M
  std::vector<float> mels;                           // [C, S, M]; padding: 0
  std::vector<int64_t> mel_lengths;                  // [C]
  std::vector<int64_t> audio_rows;     // where the adaptor's rows go: index into B * T ...
  std::vector<int64_t> audio_sources;  // ... and which row of [C * adaptor rows] goes there

  int64_t encoder_frames = 0;  // P of the longest clip
  std::vector<int64_t> frame_sound, frame_ordinal, frame_speaker, frame_voice,
      frame_level;  // [C, P]; kIgnore where unknown

  int64_t tokens = 0;  // rows that are not padding
  int64_t tokens_in_loss = 0;
};

Batch make_batch(const std::vector<TrainingExample>& examples, int64_t mel_bands);

}  // namespace stapes::train
