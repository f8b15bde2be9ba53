#include "ops/reference/reference_ops.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "ops/reference/reference_attention.h"
#include "ops/rope_angle.h"
#include "tensor/quantized.h"

namespace stapes {
namespace {

int64_t length(std::span<const float> values) {
  return static_cast<int64_t>(values.size());
}

class ReferenceOps : public Ops {
 public:
  std::string_view name() const override { return "reference"; }

 private:
  void run(const op::LinearGroup& args) const override {
    for (const auto& [weight, bias, y] : args.outputs)
      run_one({.x = args.x, .weight = weight, .bias = bias, .y = y});
  }

  static void run_one(const op::Linear& args) {
    const std::vector<float> weight = widened_to_f32(args.weight);
    const std::vector<float> bias =
        args.bias.data != nullptr ? widened_to_f32(args.bias) : std::vector<float>{};
    const int64_t outputs = args.weight.shape[0];
    const int64_t inputs = args.weight.shape[1];
    const int64_t rows = length(args.x) / inputs;
    for (int64_t r = 0; r < rows; ++r) {
      const float* x = args.x.data() + r * inputs;
      for (int64_t o = 0; o < outputs; ++o) {
        const float* w = weight.data() + o * inputs;
        double sum = bias.empty() ? 0.0 : double{bias[static_cast<size_t>(o)]};
        for (int64_t n = 0; n < inputs; ++n) sum += double{x[n]} * double{w[n]};
        args.y[static_cast<size_t>(r * outputs + o)] = static_cast<float>(sum);
      }
    }
  }

  void run(const op::Conv1d& args) const override {
    const std::vector<float> weight = widened_to_f32(args.weight);
    const std::vector<float> bias = widened_to_f32(args.bias);
    const int64_t outputs = args.weight.shape[0];
    const int64_t channels = args.weight.shape[1];
    const int64_t kernel = args.weight.shape[2];
    const int64_t frames = length(args.x) / channels;
    const int64_t frames_out = length(args.y) / outputs;
    for (int64_t s = 0; s < frames_out; ++s) {
      for (int64_t o = 0; o < outputs; ++o) {
        double sum = bias[static_cast<size_t>(o)];
        for (int64_t j = 0; j < kernel; ++j) {
          const int64_t frame = s * args.stride + j - args.padding;
          if (frame < 0 || frame >= frames) continue;
          for (int64_t c = 0; c < channels; ++c) {
            sum += double{args.x[static_cast<size_t>(frame * channels + c)]} *
                   double{weight[static_cast<size_t>((o * channels + c) * kernel + j)]};
          }
        }
        args.y[static_cast<size_t>(s * outputs + o)] = static_cast<float>(sum);
      }
    }
  }

  void run(const op::LayerNorm& args) const override {
    const std::vector<float> weight = widened_to_f32(args.weight);
    const std::vector<float> bias = widened_to_f32(args.bias);
    const size_t width = weight.size();
    for (size_t row = 0; row < args.x.size(); row += width) {
      double mean = 0;
      for (size_t i = 0; i < width; ++i) mean += double{args.x[row + i]};
      mean /= static_cast<double>(width);
      double variance = 0;
      for (size_t i = 0; i < width; ++i) {
        variance += (double{args.x[row + i]} - mean) * (double{args.x[row + i]} - mean);
      }
      variance /= static_cast<double>(width);
      const double scale = 1.0 / std::sqrt(variance + args.epsilon);
      for (size_t i = 0; i < width; ++i) {
        args.y[row + i] = static_cast<float>(
            (double{args.x[row + i]} - mean) * scale * double{weight[i]} + double{bias[i]});
      }
    }
  }

  void run(const op::RmsNorm& args) const override {
    const std::vector<float> weight = widened_to_f32(args.weight);
    const size_t width = weight.size();
    for (size_t row = 0; row < args.x.size(); row += width) {
      double squares = 0;
      for (size_t i = 0; i < width; ++i)
        squares += double{args.x[row + i]} * double{args.x[row + i]};
      const double scale = 1.0 / std::sqrt(squares / static_cast<double>(width) + args.epsilon);
      for (size_t i = 0; i < width; ++i) {
        args.y[row + i] = static_cast<float>(double{args.x[row + i]} * scale * double{weight[i]});
      }
    }
  }

  void run(const op::GeluErf& args) const override {
    for (size_t i = 0; i < args.x.size(); ++i) {
      const double x = args.x[i];
      args.y[i] = static_cast<float>(0.5 * x * std::erfc(-x / std::numbers::sqrt2));
    }
  }

  void run(const op::Relu& args) const override {
    for (size_t i = 0; i < args.x.size(); ++i) args.y[i] = std::max(args.x[i], 0.0F);
  }

  void run(const op::SiluMul& args) const override {
    for (size_t i = 0; i < args.y.size(); ++i) {
      const double gate = args.gate[i];
      args.y[i] = static_cast<float>(gate / (1.0 + std::exp(-gate)) * double{args.up[i]});
    }
  }

  void run(const op::Add& args) const override {
    for (size_t i = 0; i < args.y.size(); ++i) args.y[i] = args.a[i] + args.b[i];
  }

  void run(const op::Softmax& args) const override {
    const auto columns = static_cast<size_t>(args.columns);
    for (size_t row = 0; row < args.x.size(); row += columns) {
      double largest = -std::numeric_limits<double>::infinity();
      for (size_t c = 0; c < columns; ++c) largest = std::max(largest, double{args.x[row + c]});
      double sum = 0;
      for (size_t c = 0; c < columns; ++c) sum += std::exp(double{args.x[row + c]} - largest);
      for (size_t c = 0; c < columns; ++c) {
        args.y[row + c] = static_cast<float>(std::exp(double{args.x[row + c]} - largest) / sum);
      }
    }
  }

  void run(const op::Embed& args) const override {
    const int64_t width = args.table.shape[1];
    for (size_t r = 0; r < args.ids.size(); ++r) {
      const auto y = args.y.subspan(r * static_cast<size_t>(width), static_cast<size_t>(width));
      if (is_quantized(args.table.dtype)) {
        dequantize_tiled_row(args.table, args.ids[r], y);
        continue;
      }
      const size_t at = static_cast<size_t>(args.ids[r]) * row_bytes(args.table.dtype, width);
      const TensorView row{
          .dtype = args.table.dtype, .shape = {width}, .data = args.table.data + at};
      std::ranges::copy(widened_to_f32(row), y.begin());
    }
  }

  void run(const op::AveragePool& args) const override {
    const int64_t frames = length(args.y) / args.channels;
    for (int64_t s = 0; s < frames; ++s) {
      for (int64_t c = 0; c < args.channels; ++c) {
        double sum = 0;
        for (int64_t j = 0; j < args.window; ++j) {
          sum += double{args.x[static_cast<size_t>((s * args.window + j) * args.channels + c)]};
        }
        args.y[static_cast<size_t>(s * args.channels + c)] =
            static_cast<float>(sum / static_cast<double>(args.window));
      }
    }
  }

  void run(const op::RopeTable& args) const override {
    const auto pairs = static_cast<size_t>(args.head_width / 2);
    for (size_t r = 0; r < args.positions.size(); ++r) {
      for (size_t i = 0; i < pairs; ++i) {
        const float frequency =
            rope_frequency(args.theta, static_cast<int64_t>(i), args.head_width);
        const double angle = rope_angle(args.positions[r], frequency);
        args.cosine[r * pairs + i] = static_cast<float>(std::cos(angle));
        args.sine[r * pairs + i] = static_cast<float>(std::sin(angle));
      }
    }
  }

  void run(const op::Rope& args) const override {
    const auto half = static_cast<size_t>(args.head_width / 2);
    const size_t rows = args.cosine.size() / half;
    const size_t row_width = args.x.size() / rows;
    for (size_t r = 0; r < rows; ++r) {
      for (size_t head = r * row_width; head < (r + 1) * row_width; head += 2 * half) {
        for (size_t i = 0; i < half; ++i) {
          const double cosine = args.cosine[r * half + i];
          const double sine = args.sine[r * half + i];
          const double first = args.x[head + i];
          const double second = args.x[head + half + i];
          args.x[head + i] = static_cast<float>(first * cosine - second * sine);
          args.x[head + half + i] = static_cast<float>(second * cosine + first * sine);
        }
      }
    }
  }

  void run(const op::AttentionBidirectional& args) const override { reference_attention(args); }
  void run(const op::KvWrite& args) const override { reference_kv_write(args); }
  void run(const op::AttentionPaged& args) const override { reference_attention(args); }
};

}  // namespace

std::unique_ptr<Ops> make_reference_ops() {
  return std::make_unique<ReferenceOps>();
}

}  // namespace stapes
