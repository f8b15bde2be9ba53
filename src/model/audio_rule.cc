#include "model/audio_rule.h"

namespace stapes {
namespace {

// The clip length that the release's code is given by each rule.
int64_t clip_length(int64_t mel_frames, AudioRule rule) {
  const int64_t length = rule == AudioRule::kHuggingFace ? mel_frames - 2 : mel_frames;
  return length > 0 ? length : 0;
}

}  // namespace

int64_t audio_token_count(int64_t mel_frames, AudioRule rule) {
  const int64_t frames = (clip_length(mel_frames, rule) + 1) / 2 / 2;  // conv2, then the pool
  return (frames + 1) / 2;                                             // the adaptor's convolution
}

int64_t encoder_positions(int64_t mel_frames) {
  return (mel_frames + 1) / 2;
}

int64_t valid_encoder_keys(int64_t mel_frames, AudioRule rule) {
  const int64_t length = clip_length(mel_frames, rule);
  // Keys j with 2j + 1 < length, or with 2j < length.
  return mel_frames % 2 == 0 ? length / 2 : (length + 1) / 2;
}

}  // namespace stapes
