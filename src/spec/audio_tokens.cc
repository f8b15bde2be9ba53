#include "spec/audio_tokens.h"

#include <algorithm>

namespace stapes {

int64_t audio_token_count(int64_t mel_frames, AudioRule rule) {
  const int64_t frames = rule == AudioRule::kHuggingFace ? mel_frames - 2 : mel_frames;
  if (frames <= 0) return 0;
  const int64_t pooled = ((frames + 1) / 2) / 2;  // conv2 halves, the pool halves again
  return (pooled + 1) / 2;  // the adaptor's convolution: kernel 3, stride 2, padding 1
}

int64_t encoder_positions(int64_t mel_frames) {
  return (mel_frames + 1) / 2;
}

int64_t encoder_frames(int64_t mel_frames) {
  return encoder_positions(mel_frames) / 2;
}

int64_t encoder_valid_positions(int64_t mel_frames, AudioRule rule) {
  const int64_t positions = encoder_positions(mel_frames);
  return rule == AudioRule::kHuggingFace ? std::max<int64_t>(positions - 1, 1) : positions;
}

}  // namespace stapes
