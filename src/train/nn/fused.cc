#include "train/nn/fused.h"

#include <ATen/Parallel.h>

#include "train/nn/fused_kernels.h"
#include "train/nn/linear.h"

namespace stapes::train {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kGrain = 1 << 15;  // elements for which another thread is worth while

bool fusable(const Tensor& x) {
  return x.is_cpu() && x.scalar_type() == torch::kFloat32 && x.numel() > 0;
}

template <typename Run>
void over_elements(int64_t count, Run&& run) {
  at::parallel_for(0, count, kGrain, std::forward<Run>(run));
}

// run(row) for each.
template <typename Run>
void over_rows(int64_t rows, int64_t width, const Run& run) {
  at::parallel_for(0, rows, std::max<int64_t>(kGrain / width, 1), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) run(row);
  });
}

struct GeluFunction : torch::autograd::Function<GeluFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& given) {
    const Tensor x = given.contiguous(), y = torch::empty_like(x);
    const bool learns = given.requires_grad();
    const Tensor slope = learns ? torch::empty_like(x) : Tensor();
    over_elements(x.numel(), [&](int64_t begin, int64_t end) {
      kernels::gelu(x.data_ptr<float>() + begin, y.data_ptr<float>() + begin,
                    learns ? slope.data_ptr<float>() + begin : nullptr, end - begin);
    });
    if (learns) context->save_for_backward({slope});
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    return {gradients[0] * context->get_saved_variables()[0]};
  }
};

struct GatedFunction : torch::autograd::Function<GatedFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& given_gate,
                        const Tensor& given_up) {
    const Tensor gate = given_gate.contiguous(), up = given_up.contiguous();
    const Tensor y = torch::empty_like(gate);
    over_elements(y.numel(), [&](int64_t begin, int64_t end) {
      kernels::gated(gate.data_ptr<float>() + begin, up.data_ptr<float>() + begin,
                     y.data_ptr<float>() + begin, end - begin);
    });
    context->save_for_backward({gate, up});
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &gate = saved[0], &up = saved[1], dy = gradients[0].contiguous();
    const Tensor dgate = torch::empty_like(gate), dup = torch::empty_like(up);
    over_elements(dy.numel(), [&](int64_t begin, int64_t end) {
      kernels::gated_backward(gate.data_ptr<float>() + begin, up.data_ptr<float>() + begin,
                              dy.data_ptr<float>() + begin, dgate.data_ptr<float>() + begin,
                              dup.data_ptr<float>() + begin, end - begin);
    });
    return {dgate, dup};
  }
};

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& given, const Tensor& weight,
                        double eps) {
    const Tensor x = given.contiguous(), y = torch::empty_like(x);
    const int64_t width = x.size(-1), rows = x.numel() / width;
    const Tensor roots = torch::empty({rows}, x.options());
    over_rows(rows, width, [&](int64_t row) {
      kernels::rms_norm(x.data_ptr<float>() + row * width, weight.data_ptr<float>(),
                        static_cast<float>(eps), y.data_ptr<float>() + row * width,
                        roots.data_ptr<float>() + row, width);
    });
    context->save_for_backward({x, weight, roots});
    return y;
  }
  // By one thread: the weight's gradient is a sum over the rows, in their order.
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &roots = saved[2];
    const Tensor dy = gradients[0].contiguous();
    const Tensor dx = torch::empty_like(x), dweight = torch::zeros_like(weight);
    const int64_t width = x.size(-1), rows = x.numel() / width;
    for (int64_t row = 0; row < rows; ++row)
      kernels::rms_norm_backward(x.data_ptr<float>() + row * width, weight.data_ptr<float>(),
                                 roots.data_ptr<float>()[row], dy.data_ptr<float>() + row * width,
                                 dx.data_ptr<float>() + row * width, dweight.data_ptr<float>(),
                                 width);
    return {dx, dweight, Tensor()};
  }
};

Tensor turned(const Tensor& given, const Tensor& cosine, const Tensor& sine, float direction) {
  const Tensor x = given.contiguous(), y = torch::empty_like(x);
  const int64_t heads = x.size(2), width = x.size(3);
  over_rows(x.numel() / width, width, [&](int64_t row) {
    const int64_t angle = row / heads * width;
    kernels::rotate(x.data_ptr<float>() + row * width, cosine.data_ptr<float>() + angle,
                    sine.data_ptr<float>() + angle, direction, y.data_ptr<float>() + row * width,
                    width);
  });
  return y;
}

struct RotateFunction : torch::autograd::Function<RotateFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& cosine,
                        const Tensor& sine) {
    context->save_for_backward({cosine, sine});
    return turned(x, cosine, sine, 1);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    return {turned(gradients[0], saved[0], saved[1], -1), Tensor(), Tensor()};
  }
};

struct SoftmaxFunction : torch::autograd::Function<SoftmaxFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& given, const Tensor& bias,
                        double scale) {
    const Tensor x = given.contiguous(), y = torch::empty_like(x);
    const int64_t heads = x.size(1), rows = x.size(2), keys = x.size(3);
    const int64_t bias_rows = bias.size(2);
    over_rows(x.numel() / keys, keys, [&](int64_t row) {
      const int64_t example = row / (heads * rows);
      const int64_t of_bias = example * bias_rows + (bias_rows == 1 ? 0 : row % rows);
      kernels::softmax(x.data_ptr<float>() + row * keys, bias.data_ptr<float>() + of_bias * keys,
                       static_cast<float>(scale), y.data_ptr<float>() + row * keys, keys);
    });
    context->save_for_backward({y});
    context->saved_data["scale"] = scale;
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const Tensor y = context->get_saved_variables()[0], dy = gradients[0].contiguous();
    const Tensor dx = torch::empty_like(y);
    const int64_t keys = y.size(3);
    const auto scale = static_cast<float>(context->saved_data["scale"].toDouble());
    over_rows(y.numel() / keys, keys, [&](int64_t row) {
      kernels::softmax_backward(y.data_ptr<float>() + row * keys, dy.data_ptr<float>() + row * keys,
                                scale, dx.data_ptr<float>() + row * keys, keys);
    });
    return {dx, Tensor(), Tensor()};
  }
};

}  // namespace

Tensor exact_gelu(const Tensor& x) {
  return fusable(x) ? GeluFunction::apply(x) : torch::gelu(x);
}

Tensor gated(const Tensor& gate, const Tensor& up) {
  return fusable(gate) && fusable(up) ? GatedFunction::apply(gate, up) : torch::silu(gate) * up;
}

Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  if (fusable(x) && fusable(weight)) return RmsNormFunction::apply(x, weight, eps);
  const Tensor wide = at_least_f32(x);
  return wide * torch::rsqrt(wide.pow(2).mean(-1, true) + eps) * weight;
}

Tensor rotate(const Tensor& x, const Tensor& cosine, const Tensor& sine) {
  if (fusable(x)) return RotateFunction::apply(x, cosine.contiguous(), sine.contiguous());
  const int64_t half = x.size(-1) / 2;
  const Tensor swapped = torch::cat({-x.slice(-1, half), x.slice(-1, 0, half)}, -1);
  return x * cosine + swapped * sine;
}

Tensor attention_weights(const Tensor& scores, const Tensor& bias, double scale) {
  if (fusable(scores)) return SoftmaxFunction::apply(scores, bias.contiguous(), scale);
  const Tensor wide = at_least_f32(scores) * scale + bias;
  return wide.softmax(-1).to(scores.scalar_type());
}

}  // namespace stapes::train
