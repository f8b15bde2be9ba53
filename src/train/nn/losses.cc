#include "train/nn/losses.h"

namespace stapes::train {
namespace {

using torch::Tensor;
namespace F = torch::nn::functional;

Tensor integers(const std::vector<int64_t>& values, at::IntArrayRef shape, torch::Device device) {
  return torch::tensor(values, torch::kInt64).view(shape).to(device);
}

// Mean over known labels; zero (not NaN) where none is known.
Tensor known_cross_entropy(const Tensor& logits, const Tensor& labels) {
  const Tensor sum = F::cross_entropy(
      logits, labels, F::CrossEntropyFuncOptions().ignore_index(kIgnore).reduction(torch::kSum));
  return sum / (labels != kIgnore).sum().clamp_min(1);
}

void add_frame_loss(const FrameHelper& helper, const DeviceBatch& batch, const Tensor& encoded,
                    Losses& losses) {
  const Tensor scores =
      F::linear(encoded.reshape({-1, encoded.size(2)}), helper.weight, helper.bias)
          .to(torch::kFloat32);
  int64_t taken = 0;
  const auto next = [&](int64_t classes) {
    taken += classes;
    return scores.narrow(1, taken - classes, classes);
  };
  const Tensor sound = next(kSoundClasses);
  losses.frames = known_cross_entropy(sound, batch.frame_sound) +
                  known_cross_entropy(next(kOrdinalClasses), batch.frame_ordinal);
  losses.frames = losses.frames + known_cross_entropy(next(kSpeakerClasses), batch.frame_speaker);
  losses.frames = losses.frames + known_cross_entropy(next(kVoiceClasses), batch.frame_voice);
  losses.frames = losses.frames + known_cross_entropy(next(kLevelClasses), batch.frame_level);
  const Tensor sounding = batch.frame_sound > 0;
  losses.frames_count = sounding.sum().item<int64_t>();
  losses.frames_right = ((sound.argmax(1) == batch.frame_sound) & sounding).sum().item<int64_t>();
}

}  // namespace

FrameHelper FrameHelper::random(int64_t encoder_width) {
  return {torch::zeros({kFrameClasses, encoder_width}), torch::zeros({kFrameClasses})};
}

DeviceBatch to_device(const Batch& batch, torch::Device device) {
  const int64_t b = batch.examples, t = batch.rows, frames = batch.clips * batch.encoder_frames;
  DeviceBatch out;
  out.mels.values = torch::tensor(batch.mels, torch::kFloat32)
                        .view({batch.clips, batch.mel_frames, batch.mel_bands})
                        .to(device);
  out.mels.lengths = integers(batch.mel_lengths, {batch.clips}, device);
  out.rows.ids = integers(batch.ids, {b, t}, device);
  out.rows.positions = integers(batch.positions, {b, t}, device);
  out.rows.segments = integers(batch.segments, {b, t}, device);
  out.rows.audio_rows = integers(batch.audio_rows, {-1}, device);
  out.rows.audio_sources = integers(batch.audio_sources, {-1}, device);
  out.labels = integers(batch.labels, {b * t}, device);
  out.frame_sound = integers(batch.frame_sound, {frames}, device);
  out.frame_ordinal = integers(batch.frame_ordinal, {frames}, device);
  out.frame_speaker = integers(batch.frame_speaker, {frames}, device);
  out.frame_voice = integers(batch.frame_voice, {frames}, device);
  out.frame_level = integers(batch.frame_level, {frames}, device);
  out.tokens = batch.tokens;
  out.tokens_in_loss = batch.tokens_in_loss;
  out.clips = batch.clips;
  return out;
}

Losses supervised_losses(const Parameters& parameters, const ModelConfig& config,
                         const FrameHelper& helper, const DeviceBatch& batch) {
  Losses losses;
  losses.frames = torch::zeros({}, batch.labels.options().dtype(torch::kFloat32));
  Tensor audio;
  if (batch.clips > 0) {
    const Tensor encoded = encode_audio(parameters, config, batch.mels, AudioRule::kHuggingFace);
    add_frame_loss(helper, batch, encoded, losses);
    audio = adapt_audio(parameters, encoded);
  }
  const Tensor hidden = decode(parameters, config, batch.rows, audio);
  // Only rows in the loss pay for the vocabulary.
  const Tensor in_loss = (batch.labels != kIgnore).nonzero().squeeze(1);
  const Tensor labels = batch.labels.index_select(0, in_loss);
  const Tensor logits =
      language_model_head(parameters, hidden.reshape({-1, hidden.size(2)}).index_select(0, in_loss))
          .to(torch::kFloat32);
  losses.text = F::cross_entropy(logits, labels);
  losses.text_count = labels.numel();
  losses.text_right = (logits.argmax(1) == labels).sum().item<int64_t>();
  return losses;
}

}  // namespace stapes::train
