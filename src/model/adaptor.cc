#include "model/adaptor.h"

#include <utility>

#include "base/check.h"

namespace stapes {
namespace {

constexpr auto kProducts = op::Products::kInt16;  // as the encoder

}  // namespace

Adaptor::Adaptor(const Ops& ops, AdaptorConfig config, AdaptorWeights weights)
    : ops_(&ops), config_(config), weights_(std::move(weights)) {}

Tensor Adaptor::forward(const Tensor& frames, int64_t tokens) const {
  const int64_t padding = config_.kernel / 2;
  const int64_t rows = (frames.dim(0) + 2 * padding - config_.kernel) / config_.stride + 1;
  STAPES_CHECK(tokens >= 0 && tokens <= rows, "{} tokens from {} adaptor rows", tokens, rows);
  const int64_t width = frames.dim(1);
  const int64_t out_width = weights_.linear2.weight.shape[0];

  Buffer input = ops_->buffer(frames.element_count());
  ops_->upload(frames.values(), input);
  Buffer x = ops_->buffer(rows * width);
  ops_->conv1d({.x = input,
                .weight = weights_.conv.weight,
                .bias = weights_.conv.bias,
                .stride = config_.stride,
                .padding = padding,
                .y = x,
                .products = kProducts});
  ops_->gelu_erf({.x = x, .y = x});
  Buffer hidden = ops_->buffer(rows * config_.hidden_width);
  ops_->linear({.x = x,
                .weight = weights_.linear1.weight,
                .bias = weights_.linear1.bias,
                .y = hidden,
                .products = kProducts});
  ops_->relu({.x = hidden, .y = hidden});
  Buffer y = ops_->buffer(rows * out_width);
  ops_->linear({.x = hidden,
                .weight = weights_.linear2.weight,
                .bias = weights_.linear2.bias,
                .y = y,
                .products = kProducts});

  Tensor out({tokens, out_width});
  ops_->download(y.values().first(out.values().size()), out.values());
  return out;
}

}  // namespace stapes
