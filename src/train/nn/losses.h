// The losses of supervised training.
#pragma once

#include <torch/torch.h>

#include "train/data/batch.h"
#include "train/nn/forward.h"

namespace stapes::train {

// The encoder's helper: one linear layer that must say, for each encoder frame, what sounds, the
// how-manieth event it is, and who speaks. The release starts from an encoder that was trained on
// speech recognition; a model trained from nothing has none, and this takes its place. It is thrown
// away after the training.
struct FrameHelper {
  torch::Tensor weight;  // [kFrameClasses, encoder width]
  torch::Tensor bias;    // [kFrameClasses]
  static FrameHelper random(int64_t encoder_width);
};

// A batch on a device.
struct DeviceBatch {
  PaddedMels mels;
  DecoderRows rows;
  torch::Tensor labels;                                     // [B * T]
  torch::Tensor frame_sound, frame_ordinal, frame_speaker, frame_voice, frame_level;  // [C * P]
  int64_t tokens = 0, tokens_in_loss = 0, clips = 0;
};
DeviceBatch to_device(const Batch& batch, torch::Device device);

struct Losses {
  torch::Tensor text;    // mean over all tokens in the loss, nats
  torch::Tensor frames;  // sum of five means over the frames whose truth is known; 0 without sound
  int64_t text_right = 0, text_count = 0;      // most likely token is the label
  int64_t frames_right = 0, frames_count = 0;  // most likely sound is right, where something sounds
};

Losses supervised_losses(const Parameters& parameters, const ModelConfig& config,
                         const FrameHelper& helper, const DeviceBatch& batch);

}  // namespace stapes::train
