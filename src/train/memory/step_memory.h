// How much memory a training step takes, by formula, before anything is loaded. docs/training.md
// explains the terms; a test and bench/step_memory.cc hold them against what libtorch's allocator
// counts.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "spec/model_config.h"
#include "train/data/batch.h"
#include "train/nn/lora.h"

namespace stapes::train {

// What is trained, and how.
struct StepPlan {
  // A part's (part_of) own weights stay as they are; with LoRA all of them do.
  std::function<bool(const std::string& part)> is_frozen = nullptr;
  LoraSettings lora = {};              // rank 0: none
  bool frozen_bf16 = false;            // frozen matrices are stored in bf16
  bool bf16_products = false;          // under autocast
  bool f32_head = false;               // the head's product is f32 even then (preference training)
  bool recompute_layers = false;       // gradient checkpointing
  bool engine_shares_weights = false;  // the engine reads the weights, too: merged ones are a copy
};

// A padded batch.
struct StepShape {
  int64_t examples = 0, rows = 0;  // B, T
  int64_t loss_rows = 0;           // N of B T: those that pay for the vocabulary
  int64_t clips = 0;               // C that the step encodes; 0: none, or it happened before
  int64_t mel_frames = 0;          // S of the longest
};
StepShape shape_of(const Batch& batch);

// All in bytes.
struct StepMemory {
  int64_t weights = 0;      // as stored, pairs of LoRA included
  int64_t gradients = 0;    // f32, of what is trained
  int64_t optimizer = 0;    // two moments, f32
  int64_t activations = 0;  // the most that a step holds beside those, at its worst moment
  int64_t engine = 0;       // merged copies of adapted weights
  int64_t total() const { return weights + gradients + optimizer + activations + engine; }
};
StepMemory estimate_step(const ModelConfig& config, const StepPlan& plan, const StepShape& shape);

}  // namespace stapes::train
