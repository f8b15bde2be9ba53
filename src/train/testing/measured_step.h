// For tests and bench/step_memory.cc: one supervised step on random weights, and what libtorch's
// allocator counted of it.
#pragma once

#include "train/memory/memory_meter.h"
#include "train/memory/step_memory.h"
#include "train/run/optimizer.h"
#include "train/run/session.h"

namespace stapes::train {

struct MeasuredStep {
  int64_t weights_bytes = 0;  // after they were made
  int64_t peak_bytes = 0;     // of two steps: the second has the optimizer's moments from the start
};

// Random values, drawn fast: what they are does not matter.
inline Parameters random_weights(const ModelConfig& config, const StepPlan& plan) {
  Parameters p = Parameters::random(config, 1);
  for (const TensorSpec& spec : tensor_table(config)) {
    const bool frozen = plan.lora.rank > 0 || plan.is_frozen(part_of(spec.name));
    if (plan.frozen_bf16 && frozen && may_be_bf16(spec))
      p.at(spec.name) = p[spec.name].to(torch::kBFloat16);
  }
  if (plan.lora.rank > 0)
    p.adapt(Lora::fresh(plan.lora, config, 1));
  else
    p.require_grad([&](const std::string& name) { return !plan.is_frozen(part_of(name)); });
  return p;
}

inline MeasuredStep measure_step(const ModelConfig& config, const StepPlan& plan,
                                 const Batch& batch) {
  MemoryMeter meter;
  const Parameters parameters = random_weights(config, plan);
  MeasuredStep measured{.weights_bytes = meter.now_bytes()};
  meter.restart_peak();
  Optimizer optimizer({.learning_rate = 1e-4}, trained_groups(parameters, 0.01));
  for (int step = 0; step < 2; ++step) {
    const DeviceBatch on_device = to_device(batch, torch::kCPU);
    optimizer.zero_gradients();
    torch::Tensor loss;
    {
      const Bf16Products bf16(plan.bf16_products, torch::kCPU);
      loss =
          supervised_losses(parameters, config, nullptr, on_device, nullptr, plan.recompute_layers)
              .text;
    }
    loss.backward();
    optimizer.clip_gradients();
    optimizer.step(step);
  }
  measured.peak_bytes = meter.peak_bytes();
  return measured;
}

}  // namespace stapes::train
