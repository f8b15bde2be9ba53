#include "train/nn/recomputed.h"

#include <ATen/autocast_mode.h>
#include <torch/custom_class.h>

#include <algorithm>

namespace stapes::train {
namespace {

using torch::Tensor;
using torch::autograd::variable_list;

// Whether products are in bf16, on either kind of device; set while it lives. The copies of weights
// that autocast keeps are dropped at both ends: they belong to the tape they were made on.
class SameProducts {
 public:
  struct State {
    bool cpu = at::autocast::is_cpu_enabled(), gpu = at::autocast::is_enabled();
  };
  explicit SameProducts(const State& state) { set(state); }
  SameProducts(const SameProducts&) = delete;
  SameProducts& operator=(const SameProducts&) = delete;
  ~SameProducts() { set(before_); }

 private:
  static void set(const State& state) {
    at::autocast::set_cpu_enabled(state.cpu);
    at::autocast::set_enabled(state.gpu);
    at::autocast::clear_cache();
  }
  const State before_;
};

struct Kept : torch::CustomClassHolder {
  Kept(Part kept_part, bool learns) : part(std::move(kept_part)), input_learns(learns) {}
  Part part;
  bool input_learns;
  SameProducts::State products;
};

class Recomputed : public torch::autograd::Function<Recomputed> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x,
                        const at::TensorList& trained, const c10::intrusive_ptr<Kept>& kept) {
    variable_list saved = {x};
    saved.insert(saved.end(), trained.begin(), trained.end());
    context->save_for_backward(saved);
    context->saved_data["kept"] = c10::IValue::make_capsule(kept);
    // Copies of weights made here have no tape; a part outside of this one must not find them.
    const SameProducts same(kept->products);
    return kept->part(x);
  }

  static variable_list backward(torch::autograd::AutogradContext* context,
                                variable_list gradients) {
    const auto kept =
        c10::static_intrusive_pointer_cast<Kept>(context->saved_data["kept"].toCapsule());
    variable_list inputs = context->get_saved_variables();
    const size_t trained = inputs.size() - 1;
    inputs[0] = inputs[0].detach().set_requires_grad(kept->input_learns);
    Tensor y;
    {
      const torch::AutoGradMode tape(true);
      const SameProducts same(kept->products);
      y = kept->part(inputs[0]);
    }
    if (!kept->input_learns) inputs.erase(inputs.begin());
    variable_list found = torch::autograd::grad({y}, inputs, gradients, /*retain_graph=*/false,
                                                /*create_graph=*/false, /*allow_unused=*/true);
    if (!kept->input_learns) found.insert(found.begin(), Tensor());
    found.resize(trained + 2);  // x, the trained ones, and what is no tensor
    return found;
  }
};

}  // namespace

Tensor recomputed(Part part, const Tensor& x, const std::vector<Tensor>& trained) {
  const bool learns = x.requires_grad() || std::ranges::any_of(trained, [](const Tensor& tensor) {
                        return tensor.requires_grad();
                      });
  if (!torch::GradMode::is_enabled() || !learns) return part(x);
  return Recomputed::apply(x, at::TensorList(trained),
                           c10::make_intrusive<Kept>(std::move(part), x.requires_grad()));
}

}  // namespace stapes::train
