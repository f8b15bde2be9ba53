#include "ops/cpu/cpu_ops.h"

#include <algorithm>
#include <cmath>

#include "ops/cpu/widened.h"
#include "ops/rope_angle.h"

namespace stapes {
namespace {

// Multiplications that are worth handing to another thread: some tens of microseconds.
constexpr int64_t kSmallestChunkCost = int64_t{1} << 18;

// An exponential or a division weighs about this many multiplications.
constexpr int64_t kExpCost = 16;

int64_t length(std::span<const float> values) {
  return static_cast<int64_t>(values.size());
}

// Row s' of the result is what the kernel sees at output frame s': [C, kernel], as the weight's
// rows.
void unfold_frame(const op::Conv1d& args, int64_t frames, int64_t frame_out, float* row) {
  const int64_t channels = args.weight.shape[1];
  const int64_t kernel = args.weight.shape[2];
  for (int64_t j = 0; j < kernel; ++j) {
    const int64_t frame = frame_out * args.stride + j - args.padding;
    const bool inside = frame >= 0 && frame < frames;
    const float* x = args.x.data() + (inside ? frame : 0) * channels;
    for (int64_t c = 0; c < channels; ++c) row[c * kernel + j] = inside ? x[c] : 0.0F;
  }
}

}  // namespace

void CpuOps::for_chunks(int64_t count, int64_t item_cost, const ThreadPool::Body& body) const {
  const int64_t smallest =
      std::max<int64_t>(kSmallestChunkCost / std::max<int64_t>(item_cost, 1), 1);
  pool_.parallel_for(count, smallest, body);
}

void CpuOps::run(const op::Conv1d& args) const {
  const int64_t outputs = args.weight.shape[0];
  const int64_t channels = args.weight.shape[1];
  const int64_t window = channels * args.weight.shape[2];
  const int64_t frames = length(args.x) / channels;
  const int64_t frames_out = length(args.y) / outputs;
  Buffer unfolded = buffer(frames_out * window);
  for_chunks(frames_out, window, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      unfold_frame(args, frames, s, unfolded.values().data() + s * window);
    }
  });
  TensorView weight = args.weight;
  weight.shape = {outputs, window};
  linear(
      {.x = unfolded, .weight = weight, .bias = args.bias, .y = args.y, .products = args.products});
}

void CpuOps::run(const op::LayerNorm& args) const {
  const int64_t width = args.weight.shape[0];
  const Widened weight(kernels_, args.weight);
  const Widened bias(kernels_, args.bias);
  for_chunks(length(args.x) / width, width * 4, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      kernels_.layer_norm_row(args.x.data() + r * width, weight.data(), bias.data(), args.epsilon,
                              width, args.y.data() + r * width);
    }
  });
}

void CpuOps::run(const op::RmsNorm& args) const {
  const int64_t width = args.weight.shape[0];
  const Widened weight(kernels_, args.weight);
  for_chunks(length(args.x) / width, width * 3, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      kernels_.rms_norm_row(args.x.data() + r * width, weight.data(), args.epsilon, width,
                            args.y.data() + r * width);
    }
  });
}

void CpuOps::run(const op::GeluErf& args) const {
  for_chunks(length(args.x), 2 * kExpCost, [&](int64_t begin, int64_t end) {
    kernels_.gelu_erf(args.x.data() + begin, end - begin, args.y.data() + begin);
  });
}

void CpuOps::run(const op::Relu& args) const {
  for (size_t i = 0; i < args.x.size(); ++i) args.y[i] = std::max(args.x[i], 0.0F);
}

void CpuOps::run(const op::SiluMul& args) const {
  for_chunks(length(args.y), 2 * kExpCost, [&](int64_t begin, int64_t end) {
    kernels_.silu_mul(args.gate.data() + begin, args.up.data() + begin, end - begin,
                      args.y.data() + begin);
  });
}

void CpuOps::run(const op::Add& args) const {
  for_chunks(length(args.y), 2, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      args.y[i] = args.a[i] + args.b[i];
    }
  });
}

void CpuOps::run(const op::Softmax& args) const {
  const int64_t columns = args.columns;
  for_chunks(length(args.x) / columns, columns * kExpCost, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      kernels_.softmax_row(args.x.data() + r * columns, columns, args.y.data() + r * columns);
    }
  });
}

void CpuOps::run(const op::Embed& args) const {
  const int64_t width = args.table.shape[1];
  const DType dtype = args.table.dtype;
  // Of a quantized table, a whole tile of rows is put in order to read one.
  const int64_t cost = is_quantized(dtype) ? kTileRows * width : width;
  for_chunks(static_cast<int64_t>(args.ids.size()), cost, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const auto y = args.y.subspan(static_cast<size_t>(r * width), static_cast<size_t>(width));
      const int64_t id = args.ids[static_cast<size_t>(r)];
      if (is_quantized(dtype)) {
        dequantize_tiled_row(args.table, id, y);
        continue;
      }
      const size_t at = static_cast<size_t>(id) * row_bytes(dtype, width);
      kernels_.widen(args.table.data + at, dtype, width, y.data());
    }
  });
}

void CpuOps::run(const op::AveragePool& args) const {
  const int64_t channels = args.channels;
  const float scale = 1.0F / static_cast<float>(args.window);
  for_chunks(length(args.y) / channels, channels * args.window, [&](int64_t begin, int64_t end) {
    for (int64_t s = begin; s < end; ++s) {
      const float* x = args.x.data() + s * args.window * channels;
      float* y = args.y.data() + s * channels;
      for (int64_t c = 0; c < channels; ++c) {
        float sum = x[c];
        for (int64_t j = 1; j < args.window; ++j) sum += x[j * channels + c];
        y[c] = sum * scale;
      }
    }
  });
}

void CpuOps::run(const op::RopeTable& args) const {
  const int64_t pairs = args.head_width / 2;
  std::vector<float> frequencies(static_cast<size_t>(pairs));
  for (int64_t i = 0; i < pairs; ++i) {
    frequencies[static_cast<size_t>(i)] = rope_frequency(args.theta, i, args.head_width);
  }
  const auto rows = static_cast<int64_t>(args.positions.size());
  for_chunks(rows, pairs * 4 * kExpCost, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t i = 0; i < pairs; ++i) {
        const float angle =
            rope_angle(args.positions[static_cast<size_t>(r)], frequencies[static_cast<size_t>(i)]);
        args.cosine[static_cast<size_t>(r * pairs + i)] = std::cos(angle);
        args.sine[static_cast<size_t>(r * pairs + i)] = std::sin(angle);
      }
    }
  });
}

void CpuOps::run(const op::Rope& args) const {
  const int64_t half = args.head_width / 2;
  const int64_t rows = length(args.cosine) / half;
  const int64_t row_width = length(args.x) / rows;
  for_chunks(rows, row_width * 2, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      float* const row_end = args.x.data() + (r + 1) * row_width;
      for (float* head = args.x.data() + r * row_width; head < row_end; head += 2 * half)
        kernels_.rotate_head(args.cosine.data() + r * half, args.sine.data() + r * half, half,
                             head);
    }
  });
}

}  // namespace stapes
