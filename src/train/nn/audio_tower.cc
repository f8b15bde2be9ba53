#include "spec/audio_tokens.h"
#include "train/nn/attention.h"
#include "train/nn/forward.h"
#include "train/nn/fused.h"
#include "train/nn/linear.h"

namespace stapes::train {
namespace {

using torch::Tensor;

// Convolution over time as one matrix product: channels-last input [C, S, in], weight [out, in, 3].
// (libtorch's conv1d wants channels first; staying channels-last keeps every tensor contiguous in
// the layout in which it is used, which Debian's oneDNN needs for a right gradient of gelu.)
Tensor conv3(const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t stride) {
  const Tensor matrix = weight.permute({0, 2, 1}).reshape({weight.size(0), -1});  // [out, 3 * in]
  return product(neighbours(x, stride), matrix, bias);
}

Tensor layer_norm(const Parameters& p, const std::string& name, const Tensor& x) {
  return torch::layer_norm(x, {x.size(-1)}, p[name + ".weight"], p[name + ".bias"], 1e-5);
}

// 1 where a row index is below the clip's length, else 0: [C, rows, 1].
Tensor row_mask(const Tensor& lengths, int64_t rows) {
  const Tensor index = torch::arange(rows, lengths.options());
  return (index.unsqueeze(0) < lengths.unsqueeze(1)).unsqueeze(2).to(torch::kFloat32);
}

Tensor self_attention(const Parameters& p, const std::string& name, const Tensor& x, int64_t heads,
                      const Tensor& key_bias) {
  const int64_t clips = x.size(0), rows = x.size(1), width = x.size(2), head_width = width / heads;
  const auto project = [&](const char* which) {
    return linear(p, name + which, x).view({clips, rows, heads, head_width});
  };
  const Tensor q = project(".query"), k = project(".key"), v = project(".value");
  const double scale = 1.0 / std::sqrt(static_cast<double>(head_width));
  const Tensor mixed = attention(q, k, v, key_bias, scale, Sight::kAll);
  return linear(p, name + ".out", mixed.reshape({clips, rows, width}));
}

Tensor encoder_block(const Parameters& p, const std::string& name, Tensor x, int64_t heads,
                     const Tensor& key_bias) {
  x = x + self_attention(p, name + ".attn", layer_norm(p, name + ".attn_ln", x), heads, key_bias);
  const Tensor inner = linear(p, name + ".mlp.0", layer_norm(p, name + ".mlp_ln", x));
  return x + linear(p, name + ".mlp.2", exact_gelu(inner));
}

// The same integer rules as spec/audio_tokens.h, for a tensor of lengths.
Tensor map_lengths(const Tensor& lengths, const std::function<int64_t(int64_t)>& rule) {
  const Tensor on_cpu = lengths.to(torch::kCPU).clone();
  int64_t* values = on_cpu.data_ptr<int64_t>();
  for (int64_t i = 0; i < on_cpu.numel(); ++i) values[i] = rule(values[i]);
  return on_cpu.to(lengths.device());
}

}  // namespace

Tensor encode_audio(const Parameters& p, const ModelConfig& config, const PaddedMels& mels,
                    AudioRule rule) {
  const Tensor frames = map_lengths(mels.lengths, encoder_frames);
  const Tensor valid_keys =
      map_lengths(mels.lengths, [&](int64_t s) { return encoder_valid_positions(s, rule); });

  Tensor x = exact_gelu(conv3(mels.values, p["encoder.conv1.weight"], p["encoder.conv1.bias"], 1));
  x = x * row_mask(mels.lengths, x.size(1));  // beyond its end a clip alone would see zeros
  x = exact_gelu(conv3(x, p["encoder.conv2.weight"], p["encoder.conv2.bias"], 2));
  x = x + p["encoder.positional_embedding.weight"].slice(0, 0, x.size(1));

  const Tensor index = torch::arange(x.size(1), mels.lengths.options());
  const Tensor hidden_keys = index.unsqueeze(0) >= valid_keys.unsqueeze(1);
  const Tensor key_bias = hidden_keys.to(torch::kFloat32).mul(-1e10).view({-1, 1, 1, x.size(1)});
  for (int64_t layer = 0; layer < config.encoder.layers; ++layer)
    x = encoder_block(p, "encoder.blocks." + std::to_string(layer), x, config.encoder.heads,
                      key_bias);

  const int64_t pooled = x.size(1) / 2;  // pool first, then norm
  x = x.slice(1, 0, 2 * pooled).reshape({x.size(0), pooled, 2, x.size(2)}).mean(2);
  x = layer_norm(p, "encoder.after_norm", x);
  return x * row_mask(frames, pooled);
}

Tensor adapt_audio(const Parameters& p, const Tensor& encoded) {
  Tensor x = exact_gelu(conv3(encoded, p["adapter.conv.weight"], p["adapter.conv.bias"], 2));
  x = torch::relu(linear(p, "adapter.linear1", x));
  return linear(p, "adapter.linear2", x);
}

}  // namespace stapes::train
