#include "train/nn/attention.h"
#include "train/nn/forward.h"
#include "train/nn/fused.h"
#include "train/nn/linear.h"
#include "train/nn/recomputed.h"

namespace stapes::train {
namespace {

using torch::Tensor;

struct Rotation {
  Tensor cosine, sine;  // [B, T, 1, head width]
};

Rotation rotation(const Tensor& positions, int64_t head_width, double theta) {
  const Tensor exponent = torch::arange(0, head_width, 2, torch::kFloat32) / head_width;
  const Tensor inverse = torch::pow(theta, -exponent).to(positions.device());
  const Tensor half =
      positions.to(torch::kFloat32).unsqueeze(2) * inverse;  // [B, T, head width / 2]
  const Tensor angle = torch::cat({half, half}, 2).unsqueeze(2);
  return {angle.cos(), angle.sin()};
}

// 0 where row i may see row j, else -1e9: j <= i, and j is of segment 0 or of i's. [B, 1, T, T].
Tensor attention_bias(const Tensor& segments) {
  const int64_t rows = segments.size(1);
  const Tensor index = torch::arange(rows, segments.options());
  const Tensor causal = index.unsqueeze(0) <= index.unsqueeze(1);
  const Tensor of_key = segments.unsqueeze(1), of_query = segments.unsqueeze(2);
  const Tensor seen = causal.unsqueeze(0) & ((of_key == 0) | (of_key == of_query));
  return seen.logical_not().to(torch::kFloat32).mul(-1e9).unsqueeze(1);
}

Tensor self_attention(const Parameters& p, const std::string& name, const DecoderConfig& config,
                      const Tensor& x, const Rotation& by, const Tensor& bias) {
  const int64_t batch = x.size(0), rows = x.size(1), head_width = config.head_width();
  const auto project = [&](const char* which, int64_t heads) {
    return linear(p, name + which, x).view({batch, rows, heads, head_width});
  };
  const auto turned = [&](const Tensor& t) { return rotate(t, by.cosine, by.sine); };
  const Tensor q = turned(project(".q_proj", config.heads));
  const Tensor k = turned(project(".k_proj", config.kv_heads));
  const Tensor v = project(".v_proj", config.kv_heads);
  const double scale = 1.0 / std::sqrt(static_cast<double>(head_width));
  const Tensor mixed = attention(q, k, v, bias, scale, Sight::kPast);
  return linear(p, name + ".o_proj", mixed.reshape({batch, rows, config.width}));
}

Tensor feed_forward(const Parameters& p, const std::string& name, const Tensor& x) {
  const Tensor gate = linear(p, name + ".gate_proj", x);
  const Tensor up = linear(p, name + ".up_proj", x);
  return linear(p, name + ".down_proj", gated(gate, up));
}

Tensor embed(const Parameters& p, const DecoderRows& rows, const Tensor& audio) {
  const Tensor text = at_least_f32(torch::embedding(p["model.embed_tokens.weight"], rows.ids));
  if (!audio.defined() || rows.audio_rows.numel() == 0) return text;
  const int64_t width = text.size(2);
  const Tensor sound =
      audio.reshape({-1, width}).index_select(0, rows.audio_sources).to(text.scalar_type());
  return text.reshape({-1, width}).index_copy(0, rows.audio_rows, sound).view_as(text);
}

Tensor decoder_layer(const Parameters& p, const std::string& name, const DecoderConfig& config,
                     Tensor x, const Rotation& by, const Tensor& bias) {
  const Tensor attended = rms_norm(x, p[name + ".input_layernorm.weight"], config.rms_norm_eps);
  x = x + self_attention(p, name + ".self_attn", config, attended, by, bias);
  const Tensor fed = rms_norm(x, p[name + ".post_attention_layernorm.weight"], config.rms_norm_eps);
  return x + feed_forward(p, name + ".mlp", fed);
}

// By layer, whatever of it is trained.
std::vector<std::vector<Tensor>> trained_by_layer(const Parameters& p, int64_t layers) {
  constexpr std::string_view kBegin = "model.layers.";
  std::vector<std::vector<Tensor>> by_layer(static_cast<size_t>(layers));
  for (const auto& [name, tensor] : p.trained())
    if (name.starts_with(kBegin))
      by_layer.at(std::stoul(name.substr(kBegin.size()))).push_back(tensor);
  return by_layer;
}

}  // namespace

Tensor decode(const Parameters& p, const ModelConfig& config, const DecoderRows& rows,
              const Tensor& audio, bool recompute_layers) {
  const DecoderConfig& decoder = config.decoder;
  const Rotation by = rotation(rows.positions, decoder.head_width(), decoder.rope_theta);
  const Tensor bias = attention_bias(rows.segments);
  std::vector<std::vector<Tensor>> trained;
  if (recompute_layers) trained = trained_by_layer(p, decoder.layers);
  Tensor x = embed(p, rows, audio);
  for (int64_t layer = 0; layer < decoder.layers; ++layer) {
    const std::string name = "model.layers." + std::to_string(layer);
    const auto run = [&p, &decoder, name, by, bias](const Tensor& input) {
      return decoder_layer(p, name, decoder, input, by, bias);
    };
    x = recompute_layers ? recomputed(run, x, trained[static_cast<size_t>(layer)]) : run(x);
  }
  return rms_norm(x, p["model.norm.weight"], decoder.rms_norm_eps);
}

Tensor language_model_head(const Parameters& p, const Tensor& hidden) {
  return linear(p, "lm_head", hidden);
}

}  // namespace stapes::train
