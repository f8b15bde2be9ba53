#include "train/nn/attention.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>

#include <algorithm>
#include <array>
#include <vector>

#include "train/nn/fused_kernels.h"
#include "train/nn/linear.h"

// BLAS, which libtorch's own products use as well; it has no header of its own.
extern "C" void sgemm_(const char* a_way, const char* b_way, const int* m, const int* n,
                       const int* k, const float* alpha, const float* a, const int* a_stride,
                       const float* b, const int* b_stride, const float* beta, float* c,
                       const int* c_stride);

namespace stapes::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Rows of a tile. Few, so that a tile stays in cache and little beyond the diagonal is computed;
// enough for a product of matrices to be worth its preparation.
constexpr int64_t kTileRows = 64;

// A matrix in main memory, row by row, `stride` values apart.
struct Matrix {
  float* values;
  int64_t rows, columns, stride;
};

// C = A B + beta C, where A or B may be meant transposed. BLAS goes by columns: C' = B' A'.
enum class As : uint8_t { kIs, kTransposed };
void multiply(const Matrix& a, As a_as, const Matrix& b, As b_as, float beta, const Matrix& c) {
  const auto way = [](As as) { return as == As::kIs ? 'N' : 'T'; };
  const auto as_int = [](int64_t value) { return static_cast<int>(value); };
  const char b_way = way(b_as), a_way = way(a_as);
  const int columns = as_int(c.columns), rows = as_int(c.rows);
  const int inner = as_int(a_as == As::kIs ? a.columns : a.rows);
  const int a_stride = as_int(a.stride), b_stride = as_int(b.stride), c_stride = as_int(c.stride);
  const float one = 1;
  sgemm_(&b_way, &a_way, &columns, &rows, &inner, &one, b.values, &b_stride, a.values, &a_stride,
         &beta, c.values, &c_stride);
}

// One head of one example: a matrix [rows, W] within [B, rows, heads, W].
Matrix head_of(const Tensor& x, int64_t example, int64_t head) {
  const int64_t rows = x.size(1), heads = x.size(2), width = x.size(3);
  return {x.data_ptr<float>() + (example * rows * heads + head) * width, rows, width,
          heads * width};
}
Matrix rows_of(const Matrix& m, int64_t begin, int64_t count) {
  return {m.values + begin * m.stride, count, m.columns, m.stride};
}

// The rows [begin, begin + rows) of one head, and the keys [0, keys) that they may see.
struct Tile {
  int64_t example, head, begin, rows, keys;
};

// What both directions walk over.
class Tiles {
 public:
  Tiles(const Tensor& q, const Tensor& k, const Tensor& bias, double scale, Sight sight)
      : q_(q), k_(k), bias_(bias), scale_(static_cast<float>(scale)), sight_(sight) {}

  // In an order that does not depend on the number of threads, which BLAS and the softmax have.
  template <typename Run>
  void each(const Run& run) const {
    for (int64_t example = 0; example < q_.size(0); ++example)
      for (int64_t head = 0; head < q_.size(2); ++head)
        for (int64_t begin = 0; begin < q_.size(1); begin += kTileRows) {
          const int64_t rows = std::min(kTileRows, q_.size(1) - begin);
          const int64_t keys =
              sight_ == Sight::kPast ? std::min(begin + rows, k_.size(1)) : k_.size(1);
          run(Tile{example, head, begin, rows, keys});
        }
  }

  int64_t group() const { return q_.size(2) / k_.size(2); }
  std::vector<float> work() const {
    return std::vector<float>(static_cast<size_t>(std::min(kTileRows, q_.size(1)) * k_.size(1)));
  }
  Matrix map_in(std::vector<float>& work, const Tile& tile) const {
    return {work.data(), tile.rows, tile.keys, tile.keys};
  }
  Matrix queries(const Tensor& like_q, const Tile& tile) const {
    return rows_of(head_of(like_q, tile.example, tile.head), tile.begin, tile.rows);
  }
  Matrix keys(const Tensor& like_k, const Tile& tile) const {
    return rows_of(head_of(like_k, tile.example, tile.head / group()), 0, tile.keys);
  }

  // The weights of a tile: softmax(scale q k' + bias).
  void weights(const Tile& tile, const Matrix& map) const {
    multiply(queries(q_, tile), As::kIs, keys(k_, tile), As::kTransposed, 0, map);
    each_row(map, [&](int64_t row, float* values) {
      kernels::softmax(values, bias_row(tile, row), scale_, values, tile.keys);
    });
  }
  // From the gradient of the weights to that of q k', in place.
  void weights_backward(const Matrix& weights, const Matrix& gradient) const {
    each_row(gradient, [&](int64_t row, float* values) {
      kernels::softmax_backward(weights.values + row * weights.stride, values, scale_, values,
                                gradient.columns);
    });
  }

 private:
  const float* bias_row(const Tile& tile, int64_t row) const {
    const int64_t rows = bias_.size(2), at = rows == 1 ? 0 : tile.begin + row;
    return bias_.data_ptr<float>() + (tile.example * rows + at) * bias_.size(3);
  }
  template <typename Run>
  static void each_row(const Matrix& map, const Run& run) {
    constexpr int64_t kWorthAThread = 1 << 15;
    const int64_t grain = std::max<int64_t>(kWorthAThread / map.columns, 1);
    at::parallel_for(0, map.rows, grain, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) run(row, map.values + row * map.stride);
    });
  }

  const Tensor &q_, &k_, &bias_;
  float scale_;
  Sight sight_;
};

struct TiledAttention : torch::autograd::Function<TiledAttention> {
  static Tensor forward(AutogradContext* context, const Tensor& given_q, const Tensor& given_k,
                        const Tensor& given_v, const Tensor& bias, double scale, int64_t sight) {
    const Tensor q = given_q.contiguous(), k = given_k.contiguous(), v = given_v.contiguous();
    const Tensor mixed = torch::empty_like(q);
    const Tiles tiles(q, k, bias, scale, static_cast<Sight>(sight));
    std::vector<float> work = tiles.work();
    tiles.each([&](const Tile& tile) {
      const Matrix weights = tiles.map_in(work, tile);
      tiles.weights(tile, weights);
      multiply(weights, As::kIs, tiles.keys(v, tile), As::kIs, 0, tiles.queries(mixed, tile));
    });
    context->save_for_backward({q, k, v, bias});
    context->saved_data["scale"] = scale;
    context->saved_data["sight"] = sight;
    return mixed;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &q = saved[0], &k = saved[1], &v = saved[2], &bias = saved[3];
    const Tensor dmixed = gradients[0].contiguous();
    const Tensor dq = torch::empty_like(q), dk = torch::zeros_like(k), dv = torch::zeros_like(v);
    const Tiles tiles(q, k, bias, context->saved_data["scale"].toDouble(),
                      static_cast<Sight>(context->saved_data["sight"].toInt()));
    std::vector<float> work = tiles.work(), other_work = tiles.work();
    tiles.each([&](const Tile& tile) {
      const Matrix weights = tiles.map_in(work, tile), dscores = tiles.map_in(other_work, tile);
      const Matrix out = tiles.queries(dmixed, tile);
      tiles.weights(tile, weights);
      multiply(weights, As::kTransposed, out, As::kIs, 1, tiles.keys(dv, tile));
      multiply(out, As::kIs, tiles.keys(v, tile), As::kTransposed, 0, dscores);
      tiles.weights_backward(weights, dscores);
      multiply(dscores, As::kIs, tiles.keys(k, tile), As::kIs, 0, tiles.queries(dq, tile));
      multiply(dscores, As::kTransposed, tiles.queries(q, tile), As::kIs, 1, tiles.keys(dk, tile));
    });
    return {dq, dk, dv, Tensor(), Tensor(), Tensor()};
  }
};

Tensor whole_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias,
                       double scale) {
  const auto heads_first = [&](const Tensor& t) {  // each head of k and v serves a group of q's
    const Tensor heads = t.transpose(1, 2);
    return t.size(2) == q.size(2) ? heads : heads.repeat_interleave(q.size(2) / t.size(2), 1);
  };
  const Tensor scores = torch::matmul(heads_first(q), heads_first(k).transpose(-1, -2));
  const Tensor weights = (at_least_f32(scores) * scale + bias).softmax(-1);
  const Tensor mixed = torch::matmul(weights.to(scores.scalar_type()), heads_first(v));
  return mixed.transpose(1, 2);
}

// Mixed or narrow products (autocast) stay libtorch's.
bool tileable(const Tensor& q, const Tensor& k, const Tensor& v) {
  return !at::autocast::is_cpu_enabled() && q.numel() > 0 &&
         std::ranges::all_of(std::array{q, k, v}, [](const Tensor& x) {
           return x.is_cpu() && x.scalar_type() == torch::kFloat32;
         });
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias,
                 double scale, Sight sight) {
  if (tileable(q, k, v))
    return TiledAttention::apply(q, k, v, bias.contiguous(), scale, static_cast<int64_t>(sight));
  return whole_attention(q, k, v, bias, scale);
}

}  // namespace stapes::train
