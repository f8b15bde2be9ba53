// The losses of supervised training.
#pragma once

#include <array>

#include "train/data/batch.h"
#include "train/libtorch.h"
#include "train/nn/forward.h"

namespace stapes::train {

// One linear layer that must say, for each row, what sounds, the how-manieth event it is, who
// speaks, whether the voice is the first one's, and how loud it is.
struct FrameProbe {
  torch::Tensor weight;  // [kFrameClasses, width]
  torch::Tensor bias;    // [kFrameClasses]
};

// A probe on the encoder's frames and one on the adaptor's rows. The release starts from an encoder
// that was trained on speech recognition; a model trained from nothing has none, and the probes
// take its place: the first makes the encoder hear, the second makes the adaptor pass on what was
// heard. They are thrown away after the training.
struct FrameHelper {
  FrameProbe encoder;
  FrameProbe adaptor;

  static FrameHelper zero(const ModelConfig& config);
  // The four tensors by name, for the optimizer and for checkpoints.
  std::vector<std::pair<std::string, torch::Tensor*>> tensors();
};

// What the losses are means over: labels that are known, of tokens and of what the two probes must
// say (sound, ordinal, speaker, voice, level). In f64, for sums over ranks.
struct LossCounts {
  double tokens = 0;
  std::array<double, 5> encoder = {}, adaptor = {};
};

// A batch on a device.
struct DeviceBatch {
  PaddedMels mels;
  DecoderRows rows;
  torch::Tensor labels;                                                               // [B * T]
  torch::Tensor frame_sound, frame_ordinal, frame_speaker, frame_voice, frame_level;  // [C, P]
  int64_t tokens = 0, tokens_in_loss = 0, clips = 0;
};
DeviceBatch to_device(const Batch& batch, torch::Device device);
LossCounts loss_counts(const DeviceBatch& batch);

struct Losses {
  torch::Tensor text;  // mean over all tokens in the loss, nats
  // Of the encoder's and the adaptor's probe: a sum of five means over the rows whose truth is
  // known; 0 without sound.
  torch::Tensor frames;
  int64_t text_right = 0, text_count = 0;      // most likely token is the label
  int64_t frames_right = 0, frames_count = 0;  // encoder's most likely sound, where one sounds
  int64_t voices_right = 0, voices_count = 0;  // adaptor's most likely speaker, where one speaks
};

// A part whose weights need no gradient runs without a tape, so a frozen encoder keeps no
// activations. The helper (null: none) speaks only where it can teach something: to the encoder if
// that is trained, to the adaptor if one of the two is.
// `whole`: the counts of the batch that this is a part of, so that the sum over all parts is the
// loss of the whole; null: it is no part. A part may be empty: its losses are 0 without a gradient.
// recompute_layers: as decode().
Losses supervised_losses(const Parameters& parameters, const ModelConfig& config,
                         const FrameHelper* helper, const DeviceBatch& batch,
                         const LossCounts* whole = nullptr, bool recompute_layers = false);

}  // namespace stapes::train
