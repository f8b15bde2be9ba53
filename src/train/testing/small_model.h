// For tests: a model of some thousand parameters, and random examples for it.
#pragma once

#include "base/rng.h"
#include "spec/audio_tokens.h"
#include "train/nn/losses.h"

namespace stapes::train {

inline ModelConfig small_config() {
  ModelConfig config = config_like("tiny");
  config.encoder.mel_bands = 12;
  config.encoder.width = 16;
  config.encoder.heads = 2;
  config.encoder.layers = 2;
  config.adaptor.hidden_width = 24;
  config.decoder.width = 24;
  config.decoder.feed_forward = 40;
  config.decoder.heads = 4;
  config.decoder.kv_heads = 2;
  config.decoder.layers = 2;
  config.decoder.vocabulary = 50;
  return config;
}

inline MelSpectrogram random_mel(int64_t frames, int64_t bands, Rng& rng) {
  MelSpectrogram mel;
  mel.frames = frames;
  mel.bands = bands;
  for (int64_t i = 0; i < frames * bands; ++i)
    mel.values.push_back(static_cast<float>(rng.normal()));
  return mel;
}

// One clip of `mel_frames` (0: none) and `text_rows` after it, all of them in the loss.
inline TrainingExample random_example(const ModelConfig& config, int64_t mel_frames,
                                      int64_t text_rows, uint64_t seed) {
  Rng rng(seed);
  TrainingExample example;
  size_t audio = 0;
  if (mel_frames > 0) {
    audio = static_cast<size_t>(audio_token_count(mel_frames, AudioRule::kHuggingFace));
    example.mels.push_back(random_mel(mel_frames, config.encoder.mel_bands, rng));
    example.audio_spans.push_back({1, audio, 0});
  }
  const auto before = static_cast<int64_t>(audio) + 1;
  const auto token = [&] { return rng.integer(0, config.decoder.vocabulary - 1); };
  for (int64_t row = 0; row < before + text_rows; ++row) {
    example.ids.push_back(static_cast<TokenId>(token()));
    example.positions.push_back(static_cast<int32_t>(row));
    example.segments.push_back(0);
    example.labels.push_back(row < before ? kIgnore : static_cast<int32_t>(token()));
  }
  return example;
}

// LoRA whose B is not zero, so that it does something.
inline Lora random_lora(const ModelConfig& config, int64_t rank,
                        const std::vector<std::string>& targets) {
  Lora lora = Lora::fresh({.rank = rank, .alpha = 6, .targets = targets}, config, 9);
  torch::manual_seed(5);
  for (const auto& [module, pair] : lora.pairs()) {
    torch::Tensor b = pair.b;
    b.copy_(torch::randn_like(b) * 0.2);
  }
  return lora;
}

inline const std::vector<std::string> kAllTargets = {"q_proj",    "k_proj",    "v_proj",
                                                     "o_proj",    "gate_proj", "up_proj",
                                                     "down_proj", "linear1",   "linear2"};

}  // namespace stapes::train
