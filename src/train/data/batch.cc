#include "train/data/batch.h"

#include <algorithm>

#include "base/check.h"
#include "spec/audio_tokens.h"

namespace stapes::train {
namespace {

void place_rows(Batch& batch, const TrainingExample& example, int64_t b) {
  for (size_t t = 0; t < example.ids.size(); ++t) {
    const auto at = static_cast<size_t>(b * batch.rows) + t;
    batch.ids[at] = example.ids[t];
    batch.positions[at] = example.positions[t];
    batch.segments[at] = example.segments[t];
    batch.labels[at] = example.labels[t];
    batch.tokens += 1;
    batch.tokens_in_loss += example.labels[t] != kIgnore ? 1 : 0;
  }
}

void place_clip(Batch& batch, const MelSpectrogram& mel, int64_t clip) {
  std::copy(mel.values.begin(), mel.values.end(),
            batch.mels.begin() + clip * batch.mel_frames * batch.mel_bands);
  batch.mel_lengths.push_back(mel.frames);
}

void place_span(Batch& batch, const AudioSpan& span, int64_t b, int64_t first_clip) {
  const int64_t adaptor_rows = (batch.encoder_frames + 1) / 2;
  const int64_t clip = first_clip + static_cast<int64_t>(span.audio_index);
  for (size_t i = 0; i < span.count; ++i) {
    batch.audio_rows.push_back(b * batch.rows + static_cast<int64_t>(span.begin + i));
    batch.audio_sources.push_back(clip * adaptor_rows + static_cast<int64_t>(i));
  }
}

void place_frames(Batch& batch, const FrameTargets& frames, int64_t clip) {
  const auto copy = [&](const std::vector<int32_t>& from, std::vector<int64_t>& to) {
    std::copy(from.begin(), from.end(), to.begin() + clip * batch.encoder_frames);
  };
  copy(frames.sound, batch.frame_sound);
  copy(frames.ordinal, batch.frame_ordinal);
  copy(frames.speaker, batch.frame_speaker);
  copy(frames.voice, batch.frame_voice);
  copy(frames.level, batch.frame_level);
}

}  // namespace

Batch make_batch(const std::vector<TrainingExample>& examples, int64_t mel_bands) {
  Batch batch;
  batch.examples = static_cast<int64_t>(examples.size());
  batch.mel_bands = mel_bands;
  for (const auto& example : examples) {
    batch.rows = std::max(batch.rows, static_cast<int64_t>(example.ids.size()));
    batch.clips += static_cast<int64_t>(example.mels.size());
    for (const auto& mel : example.mels) batch.mel_frames = std::max(batch.mel_frames, mel.frames);
  }
  batch.encoder_frames = encoder_frames(batch.mel_frames);

  const auto cells = static_cast<size_t>(batch.examples * batch.rows);
  batch.ids.assign(cells, 0);
  batch.positions.assign(cells, 0);
  batch.segments.assign(cells, -1);
  batch.labels.assign(cells, kIgnore);
  batch.mels.assign(static_cast<size_t>(batch.clips * batch.mel_frames * mel_bands), 0.0f);
  const auto frames = static_cast<size_t>(batch.clips * batch.encoder_frames);
  batch.frame_sound.assign(frames, kIgnore);
  batch.frame_ordinal.assign(frames, kIgnore);
  batch.frame_speaker.assign(frames, kIgnore);
  batch.frame_voice.assign(frames, kIgnore);
  batch.frame_level.assign(frames, kIgnore);

  int64_t clip = 0;
  for (int64_t b = 0; b < batch.examples; ++b) {
    const auto& example = examples[static_cast<size_t>(b)];
    place_rows(batch, example, b);
    for (const auto& span : example.audio_spans) place_span(batch, span, b, clip);
    if (!example.mels.empty()) place_frames(batch, example.frames, clip);
    for (const auto& mel : example.mels) place_clip(batch, mel, clip++);
  }
  return batch;
}

}  // namespace stapes::train
