#include "train/nn/losses.h"

#include <tuple>

namespace stapes::train {
namespace {

using torch::Tensor;

Tensor integers(const std::vector<int64_t>& values, at::IntArrayRef shape, torch::Device device) {
  return torch::tensor(values, torch::kInt64).view(shape).to(device);
}

// Labels [C, P] of every `stride`-th frame, flat. The adaptor's row r is centred on frame 2 r.
Tensor every(const Tensor& labels, int64_t stride) {
  return labels.slice(1, 0, labels.size(1), stride).reshape({-1});
}

Tensor known(const Tensor& labels) {
  return (labels != kIgnore).sum();
}

// In the order of LossCounts.
std::array<Tensor, 5> frame_labels(const DeviceBatch& batch) {
  return {batch.frame_sound, batch.frame_ordinal, batch.frame_speaker, batch.frame_voice,
          batch.frame_level};
}

// Mean over known labels, or over so many; zero (not NaN) where none is known.
Tensor known_cross_entropy(const Tensor& logits, const Tensor& labels, const double* count) {
  const Tensor sum = torch::cross_entropy_loss(logits, labels, {}, torch::Reduction::Sum, kIgnore);
  return count != nullptr ? sum / std::max(*count, 1.0) : sum / known(labels).clamp_min(1);
}

// Scores of one probe, by what they are about; loss and counts.
struct ProbeScores {
  Tensor sound, ordinal, speaker, voice, level;  // [rows, classes]
};

ProbeScores probe(const FrameProbe& probe, const Tensor& rows) {
  const Tensor scores =
      torch::linear(rows.reshape({-1, rows.size(2)}), probe.weight, probe.bias).to(torch::kFloat32);
  int64_t taken = 0;
  const auto next = [&](int64_t classes) {
    taken += classes;
    return scores.narrow(1, taken - classes, classes);
  };
  ProbeScores by_subject;
  by_subject.sound = next(kSoundClasses);
  by_subject.ordinal = next(kOrdinalClasses);
  by_subject.speaker = next(kSpeakerClasses);
  by_subject.voice = next(kVoiceClasses);
  by_subject.level = next(kLevelClasses);
  return by_subject;
}

// Row r of the probe's input stands for frame r * `stride`. `counts`: of the whole batch, or null.
Tensor probe_loss(const ProbeScores& scores, const DeviceBatch& batch, int64_t stride,
                  const std::array<double, 5>* counts) {
  const std::array<Tensor, 5> of_subject = {scores.sound, scores.ordinal, scores.speaker,
                                            scores.voice, scores.level};
  const std::array<Tensor, 5> labels = frame_labels(batch);
  Tensor loss;
  for (size_t i = 0; i < labels.size(); ++i) {
    const Tensor one = known_cross_entropy(of_subject[i], every(labels[i], stride),
                                           counts != nullptr ? &(*counts)[i] : nullptr);
    loss = i == 0 ? one : loss + one;
  }
  return loss;
}

// How many rows where something is to be named (label > 0), and how many are named right.
std::pair<int64_t, int64_t> count_right(const Tensor& scores, const Tensor& labels) {
  const Tensor named = labels > 0;
  return {((scores.argmax(1) == labels) & named).sum().item<int64_t>(),
          named.sum().item<int64_t>()};
}

// A frozen encoder leaves no tape, and so no activations.
Tensor encode(const Parameters& parameters, const ModelConfig& config, const PaddedMels& mels,
              bool learns) {
  const torch::AutoGradMode tape(learns && torch::GradMode::is_enabled());
  return encode_audio(parameters, config, mels, AudioRule::kHuggingFace);
}

}  // namespace

FrameHelper FrameHelper::zero(const ModelConfig& config) {
  const auto probe = [](int64_t width) {
    return FrameProbe{torch::zeros({kFrameClasses, width}), torch::zeros({kFrameClasses})};
  };
  return {probe(config.encoder.width), probe(config.decoder.width)};
}

std::vector<std::pair<std::string, Tensor*>> FrameHelper::tensors() {
  return {{"encoder.weight", &encoder.weight},
          {"encoder.bias", &encoder.bias},
          {"adaptor.weight", &adaptor.weight},
          {"adaptor.bias", &adaptor.bias}};
}

DeviceBatch to_device(const Batch& batch, torch::Device device) {
  const int64_t b = batch.examples, t = batch.rows;
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
  out.frame_sound = integers(batch.frame_sound, {batch.clips, batch.encoder_frames}, device);
  out.frame_ordinal = integers(batch.frame_ordinal, {batch.clips, batch.encoder_frames}, device);
  out.frame_speaker = integers(batch.frame_speaker, {batch.clips, batch.encoder_frames}, device);
  out.frame_voice = integers(batch.frame_voice, {batch.clips, batch.encoder_frames}, device);
  out.frame_level = integers(batch.frame_level, {batch.clips, batch.encoder_frames}, device);
  out.tokens = batch.tokens;
  out.tokens_in_loss = batch.tokens_in_loss;
  out.clips = batch.clips;
  return out;
}

LossCounts loss_counts(const DeviceBatch& batch) {
  LossCounts counts;
  counts.tokens = static_cast<double>(batch.tokens_in_loss);
  const std::array<Tensor, 5> labels = frame_labels(batch);
  for (size_t i = 0; i < labels.size() && batch.clips > 0; ++i) {
    counts.encoder[i] = known(every(labels[i], 1)).item<double>();
    counts.adaptor[i] = known(every(labels[i], 2)).item<double>();
  }
  return counts;
}

Losses supervised_losses(const Parameters& parameters, const ModelConfig& config,
                         const FrameHelper* helper, const DeviceBatch& batch,
                         const LossCounts* whole, bool recompute_layers) {
  Losses losses;
  losses.frames = torch::zeros({}, batch.labels.options().dtype(torch::kFloat32));
  losses.text = losses.frames;
  if (whole != nullptr && batch.tokens == 0) return losses;
  Tensor audio;
  if (batch.clips > 0) {
    const bool encoder_learns = parameters.learns("encoder");
    const bool adaptor_learns = parameters.learns("adaptor");
    const Tensor encoded = encode(parameters, config, batch.mels, encoder_learns);
    audio = adapt_audio(parameters, encoded);
    if (helper != nullptr && encoder_learns) {
      const ProbeScores heard = probe(helper->encoder, encoded);
      losses.frames =
          losses.frames + probe_loss(heard, batch, 1, whole != nullptr ? &whole->encoder : nullptr);
      std::tie(losses.frames_right, losses.frames_count) =
          count_right(heard.sound, every(batch.frame_sound, 1));
    }
    if (helper != nullptr && (encoder_learns || adaptor_learns)) {
      const ProbeScores passed_on = probe(helper->adaptor, audio);
      losses.frames = losses.frames +
                      probe_loss(passed_on, batch, 2, whole != nullptr ? &whole->adaptor : nullptr);
      std::tie(losses.voices_right, losses.voices_count) =
          count_right(passed_on.speaker, every(batch.frame_speaker, 2));
    }
  }
  const Tensor hidden = decode(parameters, config, batch.rows, audio, recompute_layers);
  // Only rows in the loss pay for the vocabulary.
  const Tensor in_loss = (batch.labels != kIgnore).nonzero().squeeze(1);
  const Tensor labels = batch.labels.index_select(0, in_loss);
  const Tensor logits =
      language_model_head(parameters, hidden.reshape({-1, hidden.size(2)}).index_select(0, in_loss))
          .to(torch::kFloat32);
  losses.text = whole == nullptr ? torch::cross_entropy_loss(logits, labels)
                                 : known_cross_entropy(logits, labels, &whole->tokens);
  losses.text_count = labels.numel();
  losses.text_right = (logits.argmax(1) == labels).sum().item<int64_t>();
  return losses;
}

}  // namespace stapes::train
