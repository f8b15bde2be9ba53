// For tests: the whole model once more, written from the reference (A3, A5, A6) and nothing else:
// double precision, tensors by their release names, whole sequences, no cache, no pages, no op
// table.
#pragma once

#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "spec/model_config.h"
#include "tensor/safetensors.h"

namespace stapes::testing {

using Row = std::vector<double>;
using Rows = std::vector<Row>;

class SlowModel {
 public:
  SlowModel(const ModelTensors& tensors, ModelConfig config)
      : tensors_(tensors), config_(std::move(config)) {}

  // mel [S, M] -> [S / 4, width]; `length` is the clip length that the mask is made from.
  Rows encode(const Rows& mel, int64_t length) const {
    Rows x = map(conv(mel, "encoder.conv1", 1), gelu);
    x = map(conv(x, "encoder.conv2", 2), gelu);
    const Row positions = values("encoder.positional_embedding.weight");
    const size_t width = x.front().size();
    for (size_t p = 0; p < x.size(); ++p) {
      for (size_t i = 0; i < width; ++i) x[p][i] += positions[p * width + i];
    }
    // The non-pad mask over mel frames, sampled from (T + 1) % 2 with step 2.
    std::vector<bool> valid;
    const auto frames = static_cast<int64_t>(mel.size());
    for (int64_t t = (frames + 1) % 2; t < frames; t += 2) valid.push_back(t < length);
    for (int64_t block = 0; block < config_.encoder.layers; ++block) {
      const std::string name = "encoder.blocks." + std::to_string(block) + ".";
      const Rows normed = layer_norm(x, name + "attn_ln");
      const Rows q = linear(normed, name + "attn.query", true);
      const Rows k = linear(normed, name + "attn.key", false);
      const Rows v = linear(normed, name + "attn.value", true);
      const Rows y = attention(q, k, v, config_.encoder.heads, config_.encoder.heads,
                               [&](size_t, size_t key) { return bool{valid[key]}; });
      x = sum(x, linear(y, name + "attn.out", true));
      const Rows wide = map(linear(layer_norm(x, name + "mlp_ln"), name + "mlp.0", true), gelu);
      x = sum(x, linear(wide, name + "mlp.2", true));
    }
    Rows pooled;
    for (size_t p = 0; p + 1 < x.size(); p += 2) {
      pooled.push_back(Row(width));
      for (size_t i = 0; i < width; ++i) pooled.back()[i] = (x[p][i] + x[p + 1][i]) / 2;
    }
    return layer_norm(pooled, "encoder.after_norm");
  }

  // [E, width] -> [(E - 1) / 2 + 1, D]
  Rows adapt(const Rows& frames) const {
    const Rows x = map(conv(frames, "adapter.conv", 2), gelu);
    const Rows hidden =
        map(linear(x, "adapter.linear1", true), [](double value) { return std::max(value, 0.0); });
    return linear(hidden, "adapter.linear2", true);
  }

  // x [T, D] -> logits [T, V]
  Rows decode(Rows x) const {
    for (int64_t layer = 0; layer < config_.decoder.layers; ++layer) {
      const std::string name = "model.layers." + std::to_string(layer) + ".";
      const Rows normed = rms_norm(x, name + "input_layernorm");
      const Rows q = rope(linear(normed, name + "self_attn.q_proj", true));
      const Rows k = rope(linear(normed, name + "self_attn.k_proj", true));
      const Rows v = linear(normed, name + "self_attn.v_proj", true);
      const Rows y = attention(q, k, v, config_.decoder.heads, config_.decoder.kv_heads,
                               [](size_t query, size_t key) { return key <= query; });
      x = sum(x, linear(y, name + "self_attn.o_proj", false));
      const Rows post = rms_norm(x, name + "post_attention_layernorm");
      Rows gate = map(linear(post, name + "mlp.gate_proj", false),
                      [](double value) { return value / (1 + std::exp(-value)); });
      const Rows up = linear(post, name + "mlp.up_proj", false);
      for (size_t r = 0; r < gate.size(); ++r) {
        for (size_t i = 0; i < gate[r].size(); ++i) gate[r][i] *= up[r][i];
      }
      x = sum(x, linear(gate, name + "mlp.down_proj", false));
    }
    return linear(rms_norm(x, "model.norm"), "lm_head", false);
  }

  Rows embed(const std::vector<int64_t>& ids) const {
    const Row table = values("model.embed_tokens.weight");
    const int64_t width = config_.decoder.width;
    Rows x;
    for (const int64_t id : ids) {
      x.emplace_back(table.begin() + id * width, table.begin() + (id + 1) * width);
    }
    return x;
  }

 private:
  Row values(const std::string& name) const {
    const std::vector<float> narrow = widened_to_f32(tensors_.tensors().at(name));
    return {narrow.begin(), narrow.end()};
  }

  static double gelu(double x) { return 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2)); }

  template <typename F>
  static Rows map(Rows x, F f) {
    for (Row& row : x) {
      for (double& value : row) value = f(value);
    }
    return x;
  }

  static Rows sum(Rows a, const Rows& b) {
    for (size_t r = 0; r < a.size(); ++r) {
      for (size_t i = 0; i < a[r].size(); ++i) a[r][i] += b[r][i];
    }
    return a;
  }

  Rows linear(const Rows& x, const std::string& name, bool with_bias) const {
    const Row weight = values(name + ".weight");
    const size_t inputs = x.front().size();
    const size_t outputs = weight.size() / inputs;
    const Row bias = with_bias ? values(name + ".bias") : Row(outputs, 0.0);
    Rows y;
    for (const Row& row : x) {
      y.push_back(bias);
      for (size_t o = 0; o < outputs; ++o) {
        for (size_t i = 0; i < inputs; ++i) y.back()[o] += row[i] * weight[o * inputs + i];
      }
    }
    return y;
  }

  // Kernel 3, padding 1.
  Rows conv(const Rows& x, const std::string& name, size_t stride) const {
    const Row weight = values(name + ".weight");
    const Row bias = values(name + ".bias");
    const size_t channels = x.front().size();
    Rows y;
    for (size_t center = 0; center < x.size(); center += stride) {
      y.push_back(bias);
      for (size_t o = 0; o < bias.size(); ++o) {
        for (size_t c = 0; c < channels; ++c) {
          const double* w = &weight[(o * channels + c) * 3];
          if (center > 0) y.back()[o] += w[0] * x[center - 1][c];
          y.back()[o] += w[1] * x[center][c];
          if (center + 1 < x.size()) y.back()[o] += w[2] * x[center + 1][c];
        }
      }
    }
    return y;
  }

  Rows layer_norm(Rows x, const std::string& name) const {
    const Row weight = values(name + ".weight");
    const Row bias = values(name + ".bias");
    for (Row& row : x) {
      const auto n = static_cast<double>(row.size());
      double mean = 0;
      double square = 0;
      for (const double value : row) mean += value / n;
      for (const double value : row) square += (value - mean) * (value - mean) / n;
      for (size_t i = 0; i < row.size(); ++i) {
        row[i] = (row[i] - mean) / std::sqrt(square + 1e-5) * weight[i] + bias[i];
      }
    }
    return x;
  }

  Rows rms_norm(Rows x, const std::string& name) const {
    const Row weight = values(name + ".weight");
    for (Row& row : x) {
      double square = 0;
      for (const double value : row) square += value * value / static_cast<double>(row.size());
      for (size_t i = 0; i < row.size(); ++i) {
        row[i] *= weight[i] / std::sqrt(square + config_.decoder.rms_norm_eps);
      }
    }
    return x;
  }

  // x cos + rotate_half(x) sin, rotate_half(x) = (-second half, first half), per head.
  Rows rope(Rows x) const {
    const auto width = static_cast<size_t>(config_.decoder.head_width());
    const size_t half = width / 2;
    for (size_t position = 0; position < x.size(); ++position) {
      const Row before = x[position];
      for (size_t i = 0; i < before.size(); ++i) {
        const size_t in_head = i % width;
        const double exponent =
            2.0 * static_cast<double>(in_head % half) / static_cast<double>(width);
        const double angle =
            static_cast<double>(position) / std::pow(config_.decoder.rope_theta, exponent);
        const double rotated = in_head < half ? -before[i + half] : before[i - half];
        x[position][i] = before[i] * std::cos(angle) + rotated * std::sin(angle);
      }
    }
    return x;
  }

  template <typename Visible>
  static Rows attention(const Rows& q, const Rows& k, const Rows& v, int64_t heads,
                        int64_t kv_heads, const Visible& visible) {
    const size_t width = q.front().size() / static_cast<size_t>(heads);
    const auto group = static_cast<size_t>(heads / kv_heads);
    Rows y(q.size(), Row(q.front().size(), 0.0));
    for (size_t r = 0; r < q.size(); ++r) {
      for (size_t head = 0; head < static_cast<size_t>(heads); ++head) {
        const size_t at = head * width;
        const size_t kv_at = head / group * width;
        Row weights(k.size());
        double total = 0;
        for (size_t t = 0; t < k.size(); ++t) {
          double score = 0;
          for (size_t i = 0; i < width; ++i) score += q[r][at + i] * k[t][kv_at + i];
          score = score / std::sqrt(static_cast<double>(width)) + (visible(r, t) ? 0.0 : -1e10);
          total += weights[t] = std::exp(score);
        }
        for (size_t t = 0; t < k.size(); ++t) {
          for (size_t i = 0; i < width; ++i) y[r][at + i] += weights[t] / total * v[t][kv_at + i];
        }
      }
    }
    return y;
  }

  const ModelTensors& tensors_;
  ModelConfig config_;
};

}  // namespace stapes::testing
