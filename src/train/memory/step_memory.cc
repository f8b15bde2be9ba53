#include "train/memory/step_memory.h"

#include <algorithm>

#include "spec/audio_tokens.h"
#include "spec/tensor_table.h"
#include "train/nn/parameters.h"

namespace stapes::train {
namespace {

constexpr int64_t kF32 = 4, kBf16 = 2;  // bytes of a value

// Weights by part and layer, and which linear layers keep their inputs for a gradient.
class Weights {
 public:
  Weights(const ModelConfig& config, const StepPlan& plan) : plan_(plan) {
    for (const TensorSpec& spec : tensor_table(config)) {
      const int64_t values = element_count(spec.shape);
      const bool frozen = is_frozen(part_of(spec.name));
      stored_ += values * (frozen && plan.frozen_bf16 && may_be_bf16(spec) ? kBf16 : kF32);
      if (!frozen) note_trained(values);
    }
    for (const auto& [module, shape] : linear_modules(config)) {
      if (!is_adapted(module)) continue;
      const int64_t values = plan.lora.rank * (shape.first + shape.second);
      stored_ += values * kF32;
      note_trained(values);
      // The engine's copy has the dtype of the weight beneath.
      merged_ += shape.first * shape.second * (plan.frozen_bf16 ? kBf16 : kF32);
    }
  }

  bool is_frozen(const std::string& part) const {
    return plan_.lora.rank > 0 || plan_.is_frozen(part);
  }
  bool is_adapted(const std::string& module) const {
    return plan_.lora.rank > 0 &&
           std::ranges::any_of(plan_.lora.targets, [&](const std::string& target) {
             return is_target(module, target);
           });
  }
  // Its weight or its pair is trained, so its input is needed again.
  int64_t keeps_input(const std::string& module) const {
    return is_adapted(module) || !is_frozen(part_of(module + ".weight")) ? 1 : 0;
  }
  bool learns(const std::string& part, const ModelConfig& config) const {
    if (!is_frozen(part)) return true;
    const auto modules = linear_modules(config);
    return std::ranges::any_of(modules, [&](const auto& module) {
      return part_of(module.first + ".weight") == part && is_adapted(module.first);
    });
  }

  int64_t stored() const { return stored_; }
  int64_t trained() const { return trained_; }
  int64_t largest_trained() const { return largest_; }
  int64_t merged() const { return merged_; }

 private:
  void note_trained(int64_t values) {
    trained_ += values;
    largest_ = std::max(largest_, values);
  }

  const StepPlan& plan_;
  int64_t stored_ = 0, trained_ = 0, largest_ = 0, merged_ = 0;
};

class Activations {
 public:
  Activations(const ModelConfig& config, const StepPlan& plan, const StepShape& shape)
      : config_(config),
        plan_(plan),
        shape_(shape),
        weights_(config, plan),
        all_rows_(shape.examples * shape.rows),
        product_(plan.bf16_products ? kBf16 : kF32) {}

  // What the worst moment holds beside weights, gradients and moments. Gradients are not all there
  // before the end of the backward pass, when most of the rest is gone.
  int64_t peak() const {
    const DecoderConfig& decoder = config_.decoder;
    const int64_t residual = kF32 * all_rows_ * decoder.width;
    const int64_t gradients = kF32 * weights_.trained();
    const int64_t vocabulary = kF32 * decoder.vocabulary * decoder.width;
    const int64_t of_head = weights_.is_frozen("decoder") ? 0 : vocabulary;
    const int64_t of_table = weights_.is_frozen("embeddings") ? 0 : vocabulary;
    // What the layers begin with, and the last norm.
    int64_t kept = batch() + 2 * residual + tape_of_audio();
    for (int64_t layer = 0; layer < decoder.layers; ++layer)
      kept += plan_.recompute_layers ? residual : layer_tape(layer);
    const int64_t again = plan_.recompute_layers ? layer_tape(decoder.layers - 1) + residual : 0;

    const int64_t encoder = encoder_work();
    const int64_t head = kept + head_work();
    const int64_t last_layer = kept + again + layer_work() + of_head;
    const int64_t first_layer = gradients - of_table + layer_tape(0) + residual + layer_work();
    const int64_t update = gradients + update_work();
    return std::max({encoder, head, last_layer, first_layer, update}) - gradients;
  }

  const Weights& weights() const { return weights_; }

 private:
  // Ids, positions, segments, labels; the mel; the mask and the rotations, which all layers share.
  int64_t batch() const {
    const int64_t mel = shape_.clips * shape_.mel_frames * config_.encoder.mel_bands;
    const int64_t head_width = config_.decoder.head_width();
    return 4 * 8 * all_rows_ + kF32 * (mel + all_rows_ * (shape_.rows + 2 * head_width));
  }

  // Maps of rows and keys: there are none in f32 on the CPU, where attention goes by tiles
  // (attention.h).
  int64_t attention_maps(int64_t bytes_of_a_value) const {
    if (!plan_.bf16_products) return 0;
    return bytes_of_a_value * shape_.examples * config_.decoder.heads * shape_.rows * shape_.rows;
  }

  // What one layer keeps for its backward pass.
  int64_t layer_tape(int64_t layer) const {
    const DecoderConfig& c = config_.decoder;
    const std::string name = "model.layers." + std::to_string(layer);
    const auto keeps = [&](const char* module) { return weights_.keeps_input(name + module); };
    // A norm's result: once in f32, or a bf16 copy for each product.
    const auto inputs = [&](int64_t readers) {
      return plan_.bf16_products ? kBf16 * readers : kF32 * std::min<int64_t>(readers, 1);
    };
    // One pass for each gated unit and each norm on the CPU in f32 (fused.h): what lies between is
    // not kept.
    const int64_t gated = plan_.bf16_products ? 3 : 2;  // gate, its silu, up
    int64_t by_row = 0;
    by_row += 2 * c.width * kF32;  // both residuals
    by_row += c.width * inputs(keeps(".self_attn.q_proj") + keeps(".self_attn.k_proj") +
                               keeps(".self_attn.v_proj"));
    // Queries, keys and values; for a whole map those are repeated for each head.
    by_row += product_ * (plan_.bf16_products ? 3 * c.width : c.width + 2 * kv_width());
    by_row += c.width * product_ * keeps(".self_attn.o_proj");
    by_row += c.width * inputs(keeps(".mlp.gate_proj") + keeps(".mlp.up_proj"));
    by_row += c.feed_forward * product_ * (gated + keeps(".mlp.down_proj"));
    int64_t fixed = attention_maps(kF32 + kBf16);
    for (const auto& [module, shape] : linear_modules(config_)) {
      if (!module.starts_with(name + ".")) continue;
      if (weights_.is_adapted(module)) {
        by_row += product_ * plan_.lora.rank;
        if (plan_.bf16_products) fixed += kBf16 * plan_.lora.rank * (shape.first + shape.second);
      }
      fixed += cast_of(module, shape.first * shape.second);
    }
    return all_rows_ * by_row + fixed;
  }

  // Products in bf16 with a weight of f32 keep its copy in bf16.
  int64_t cast_of(const std::string& module, int64_t values) const {
    const bool stored_narrow = plan_.frozen_bf16 && weights_.is_frozen(part_of(module + ".weight"));
    return plan_.bf16_products && !stored_narrow ? kBf16 * values : 0;
  }

  // Gradients in flight inside of a layer: three as wide as the feed-forward, or those of
  // attention: its result, queries, keys and values, or three maps.
  int64_t layer_work() const {
    const int64_t fed = 3 * product_ * all_rows_ * config_.decoder.feed_forward;
    const int64_t seen = kF32 * all_rows_ * 2 * (config_.decoder.width + kv_width());
    return std::max({fed, seen, attention_maps(2 * kF32 + kBf16)});
  }
  int64_t kv_width() const { return config_.decoder.kv_heads * config_.decoder.head_width(); }

  // Log-probabilities, their gradient and that of the logits.
  int64_t head_work() const {
    const int64_t logits = shape_.loss_rows * config_.decoder.vocabulary;
    const int64_t weight = config_.decoder.vocabulary * config_.decoder.width;
    int64_t bytes = 3 * kF32 * logits;
    if (!plan_.f32_head) bytes += cast_of("lm_head", weight);
    // Widened for a moment, when the three are no longer all there.
    if (plan_.f32_head && plan_.frozen_bf16) bytes = std::max(bytes, kF32 * (weight + logits));
    return bytes;
  }

  int64_t update_work() const { return 2 * kF32 * weights_.largest_trained(); }

  int64_t frames() const { return shape_.clips == 0 ? 0 : encoder_positions(shape_.mel_frames); }

  // Without a tape the encoder holds one block at a time.
  int64_t encoder_work() const {
    const EncoderConfig& c = config_.encoder;
    const int64_t rows = shape_.clips * frames();
    const int64_t seen = rows * frames() * c.heads * (plan_.bf16_products ? 10 : 0);
    const int64_t block = kF32 * rows * c.width * 6 + seen;
    const int64_t fed = kF32 * rows * (2 * c.feed_forward() + 2 * c.width);
    // Both convolutions: three neighbours side by side, and what comes of them.
    const int64_t stem =
        kF32 * shape_.clips * shape_.mel_frames * std::max(4 * c.mel_bands + c.width, 3 * c.width);
    return std::max({block, fed, stem});
  }

  // What encoder and adaptor keep.
  int64_t tape_of_audio() const {
    const EncoderConfig& c = config_.encoder;
    const int64_t rows = shape_.clips * frames();
    const bool encoder = weights_.learns("encoder", config_);
    int64_t bytes = kF32 * rows / 4 * config_.decoder.width;  // the adaptor's result
    if (encoder || weights_.learns("adaptor", config_))
      bytes += kF32 * rows / 4 * (5 * c.width + 3 * config_.adaptor.hidden_width);
    if (!encoder) return bytes;
    const int64_t block =
        rows * (kF32 * 6 * c.width + product_ * (4 * c.width + 2 * c.feed_forward())) +
        rows * frames() * c.heads * (plan_.bf16_products ? 6 : 0);
    const int64_t stem =
        kF32 * shape_.clips * shape_.mel_frames * (3 * c.mel_bands + 3 * c.width + 3 * c.width);
    return bytes + stem + c.layers * block;
  }

  const ModelConfig& config_;
  const StepPlan& plan_;
  const StepShape& shape_;
  Weights weights_;
  int64_t all_rows_;
  int64_t product_;  // bytes of a product's result
};

}  // namespace

StepShape shape_of(const Batch& batch) {
  return {.examples = batch.examples,
          .rows = batch.rows,
          .loss_rows = batch.tokens_in_loss,
          .clips = batch.clips,
          .mel_frames = batch.mel_frames};
}

StepMemory estimate_step(const ModelConfig& config, const StepPlan& plan, const StepShape& shape) {
  const Activations activations(config, plan, shape);
  const Weights& weights = activations.weights();
  return {.weights = weights.stored(),
          .gradients = kF32 * weights.trained(),
          .optimizer = 2 * kF32 * weights.trained(),
          .activations = activations.peak(),
          .engine = plan.engine_shares_weights ? weights.merged() : 0};
}

}  // namespace stapes::train
