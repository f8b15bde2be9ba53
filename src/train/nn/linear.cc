#include "train/nn/linear.h"

#include <ATen/autocast_mode.h>

namespace stapes::train {
namespace {

using torch::Tensor;

bool products_are_cast(const Tensor& x) {
  return x.is_cuda() ? at::autocast::is_enabled() : at::autocast::is_cpu_enabled();
}

// A frozen weight of another dtype than x. Plain operations would keep the widened copy for the
// backward pass; a vocabulary's worth of it is a gigabyte.
class WidenedProduct : public torch::autograd::Function<WidenedProduct> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x,
                        const Tensor& weight) {
    context->save_for_backward({weight});
    return torch::matmul(x, weight.to(x.scalar_type()).t());
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const Tensor weight = context->get_saved_variables().front();
    const Tensor& gradient = gradients.front();
    return {torch::matmul(gradient, weight.to(gradient.scalar_type())), Tensor()};
  }
};

}  // namespace

Tensor product(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (x.scalar_type() == weight.scalar_type() || products_are_cast(x))
    return torch::linear(x, weight, bias);
  const Tensor y = WidenedProduct::apply(x, weight);
  return bias.defined() ? y + bias : y;
}

Tensor linear(const Parameters& p, const std::string& module, const Tensor& x) {
  const std::string bias = module + ".bias";
  const Tensor y = product(x, p[module + ".weight"], p.contains(bias) ? p[bias] : Tensor());
  const LoraPair* pair = p.lora() == nullptr ? nullptr : p.lora()->find(module);
  if (pair == nullptr) return y;
  // Scaled where it is narrow.
  return y + torch::linear(torch::linear(x, pair->a) * pair->scale, pair->b);
}

Tensor at_least_f32(const Tensor& x) {
  return x.scalar_type() == torch::kFloat64 ? x : x.to(torch::kFloat32);
}

}  // namespace stapes::train
