#include "train/nn/fused.h"

#include <ATen/Parallel.h>

#include <algorithm>

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

// run(a place's `from` rows in x, `to` in its neighbourhood), each a row of D, for every row that
// exists.
template <typename Run>
void each_neighbour(const Tensor& x, const Tensor& columns, int64_t stride, const Run& run) {
  const int64_t clips = x.size(0), frames = x.size(1), width = x.size(2), places = columns.size(1);
  at::parallel_for(0, clips, 1, [&](int64_t begin, int64_t end) {
    for (int64_t clip = begin; clip < end; ++clip)
      for (int64_t place = 0; place < places; ++place)
        for (int64_t tap = 0; tap < 3; ++tap) {
          const int64_t frame = place * stride + tap - 1;
          if (frame < 0 || frame >= frames) continue;
          run(x.data_ptr<float>() + (clip * frames + frame) * width,
              columns.data_ptr<float>() + ((clip * places + place) * 3 + tap) * width);
        }
  });
}

struct NeighboursFunction : torch::autograd::Function<NeighboursFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& given, int64_t stride) {
    const Tensor x = given.contiguous();
    const int64_t width = x.size(2), places = (x.size(1) - 1) / stride + 1;
    const Tensor columns = torch::zeros({x.size(0), places, 3 * width}, x.options());
    each_neighbour(x, columns, stride,
                   [&](const float* from, float* to) { std::copy_n(from, width, to); });
    context->saved_data["stride"] = stride;
    context->saved_data["frames"] = x.size(1);
    return columns;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const Tensor dcolumns = gradients[0].contiguous();
    const int64_t width = dcolumns.size(2) / 3;
    const Tensor dx = torch::zeros({dcolumns.size(0), context->saved_data["frames"].toInt(), width},
                                   dcolumns.options());
    each_neighbour(dx, dcolumns, context->saved_data["stride"].toInt(),
                   [&](float* to, const float* from) {
                     for (int64_t i = 0; i < width; ++i) to[i] += from[i];
                   });
    return {dx, Tensor()};
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

Tensor neighbours(const Tensor& x, int64_t stride) {
  if (fusable(x)) return NeighboursFunction::apply(x, stride);
  const Tensor padded = torch::constant_pad_nd(x, {0, 0, 1, 1});
  const int64_t reach = (x.size(1) - 1) / stride * stride + 1;
  std::vector<Tensor> taps;
  for (int64_t tap = 0; tap < 3; ++tap) taps.push_back(padded.slice(1, tap, tap + reach, stride));
  return torch::cat(taps, 2);
}

Tensor rotate(const Tensor& x, const Tensor& cosine, const Tensor& sine) {
  if (fusable(x)) return RotateFunction::apply(x, cosine.contiguous(), sine.contiguous());
  const int64_t half = x.size(-1) / 2;
  const Tensor swapped = torch::cat({-x.slice(-1, half), x.slice(-1, 0, half)}, -1);
  return x * cosine + swapped * sine;
}

}  // namespace stapes::train
