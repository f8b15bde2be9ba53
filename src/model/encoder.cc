#include "model/encoder.h"

#include <numeric>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/fail.h"
#include "spec/audio_tokens.h"

namespace stapes {

// A clip's frames always come all together, so no row has to have the bits that it would have
// alone, and 16-bit weights can be multiplied in the fast way.
constexpr auto kProducts = op::Products::kInt16;

// Attention is as exact as the products beside it: f32 weights are multiplied in f32.
op::Products attention_products(const EncoderBlockWeights& weights) {
  return weights.query.weight.dtype == DType::kF32 ? op::Products::kF32 : kProducts;
}

// P = encoder_positions(S).
struct Encoder::Scratch {
  int64_t positions;  // P
  Buffer x;           // [P, width], the residual stream
  Buffer normed;      // [P, width]
  Buffer q, k, v;     // [P, width]
  Buffer attended;    // [P, width]
  Buffer wide;        // [P, 4 · width]

  Scratch(const Ops& ops, const EncoderConfig& config, int64_t p)
      : positions(p),
        x(ops.buffer(p * config.width)),
        normed(ops.buffer(p * config.width)),
        q(ops.buffer(p * config.width)),
        k(ops.buffer(p * config.width)),
        v(ops.buffer(p * config.width)),
        attended(ops.buffer(p * config.width)),
        wide(ops.buffer(p * config.feed_forward())) {}
};

Encoder::Encoder(const Ops& ops, EncoderConfig config, EncoderWeights weights)
    : ops_(&ops), config_(config), weights_(std::move(weights)) {}

Tensor Encoder::forward(const Tensor& mel, AudioRule rule) const {
  STAPES_CHECK(mel.shape().size() == 2 && mel.dim(1) == config_.mel_bands);
  const int64_t frames = mel.dim(0);
  if (frames > config_.max_mel_frames()) {
    fail(ErrorCode::kTooLarge, "a clip of {} mel frames: the encoder has positions for {}", frames,
         config_.max_mel_frames());
  }
  if (audio_token_count(frames, rule) == 0) {
    fail(ErrorCode::kInvalidAudio, "a clip of {} mel frames is too short to give an audio token",
         frames);
  }
  const int64_t valid_keys = encoder_valid_positions(frames, rule);
  Scratch s(*ops_, config_, encoder_positions(frames));
  embed_frames(mel, s);
  for (const EncoderBlockWeights& weights : weights_.blocks) block(weights, valid_keys, s);

  const int64_t width = config_.width;
  Buffer pooled = ops_->buffer(encoder_frames(frames) * width);
  ops_->average_pool({.x = s.x, .channels = width, .window = 2, .y = pooled});
  ops_->layer_norm({.x = pooled,
                    .weight = weights_.after_norm.weight,
                    .bias = weights_.after_norm.bias,
                    .y = pooled});
  Tensor out({encoder_frames(frames), width});
  ops_->download(pooled, out.values());
  return out;
}

// conv1, GELU, conv2 (stride 2), GELU, + the learned positions.
void Encoder::embed_frames(const Tensor& mel, Scratch& s) const {
  Buffer input = ops_->buffer(mel.element_count());
  ops_->upload(mel.values(), input);
  Buffer hidden = ops_->buffer(mel.dim(0) * config_.width);
  ops_->conv1d({.x = input,
                .weight = weights_.conv1.weight,
                .bias = weights_.conv1.bias,
                .stride = 1,
                .padding = 1,
                .y = hidden,
                .products = kProducts});
  ops_->gelu_erf({.x = hidden, .y = hidden});
  ops_->conv1d({.x = hidden,
                .weight = weights_.conv2.weight,
                .bias = weights_.conv2.bias,
                .stride = 2,
                .padding = 1,
                .y = s.x,
                .products = kProducts});
  ops_->gelu_erf({.x = s.x, .y = s.x});
  std::vector<int64_t> positions(static_cast<size_t>(s.positions));
  std::iota(positions.begin(), positions.end(), 0);
  ops_->embed({.table = weights_.positional_embedding, .ids = positions, .y = s.normed});
  ops_->add({.a = s.x, .b = s.normed, .y = s.x});
}

void Encoder::block(const EncoderBlockWeights& w, int64_t valid_keys, Scratch& s) const {
  const auto linear = [this](const Affine& affine, const Buffer& x, Buffer& y) {
    ops_->linear(
        {.x = x, .weight = affine.weight, .bias = affine.bias, .y = y, .products = kProducts});
  };
  ops_->layer_norm({.x = s.x, .weight = w.attn_ln.weight, .bias = w.attn_ln.bias, .y = s.normed});
  const op::LinearOutput qkv[] = {{w.query.weight, w.query.bias, s.q},
                                  {w.key.weight, w.key.bias, s.k},
                                  {w.value.weight, w.value.bias, s.v}};
  ops_->linear_group({.x = s.normed, .outputs = qkv, .products = kProducts});
  ops_->attention_bidirectional({.q = s.q,
                                 .k = s.k,
                                 .v = s.v,
                                 .heads = config_.heads,
                                 .frames = s.positions,
                                 .valid_keys = valid_keys,
                                 .y = s.attended,
                                 .products = attention_products(w)});
  linear(w.out, s.attended, s.normed);
  ops_->add({.a = s.x, .b = s.normed, .y = s.x});

  ops_->layer_norm({.x = s.x, .weight = w.mlp_ln.weight, .bias = w.mlp_ln.bias, .y = s.normed});
  linear(w.mlp_up, s.normed, s.wide);
  ops_->gelu_erf({.x = s.wide, .y = s.wide});
  linear(w.mlp_down, s.wide, s.normed);
  ops_->add({.a = s.x, .b = s.normed, .y = s.x});
}

}  // namespace stapes
