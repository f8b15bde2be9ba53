#include "bench/forward_cost.h"

#include <string>

#include "spec/audio_tokens.h"

namespace stapes {

ForwardCost& ForwardCost::operator+=(const ForwardCost& other) {
  bytes += other.bytes;
  operations += other.operations;
  return *this;
}

CostModel::CostModel(const Model& model, const KvLayout& kv) : config_(model.config()) {
  const auto& tensors = model.tensors().tensors();
  kv_token_bytes_ = static_cast<double>(kv.page_bytes()) / static_cast<double>(kv.page_tokens);
  const auto part_of = [this](const std::string& tensor) -> Part* {
    if (tensor.starts_with("model.layers.") || tensor.starts_with("model.norm.")) return &layers_;
    if (tensor.starts_with("lm_head.")) return &head_;
    if (tensor.starts_with("encoder.conv1.")) return &conv1_;
    if (tensor.starts_with("encoder.conv2.")) return &conv2_;
    if (tensor.starts_with("encoder.blocks.")) return &encoder_blocks_;
    if (tensor.starts_with("adapter.")) return &adaptor_;
    return nullptr;  // tables, of which a forward reads few rows, and the encoder's last norm
  };
  for (const auto& [tensor, view] : tensors) {
    Part* part = part_of(tensor);
    if (part == nullptr) continue;
    part->bytes += static_cast<double>(view.size_bytes());
    if (view.shape.size() > 1) part->matrix_elements += static_cast<double>(view.element_count());
  }
  // The largest matrices say which arithmetic counts.
  decoder_type_ = tensors.at("model.layers.0.mlp.down_proj.weight").dtype;
  audio_type_ = tensors.at("encoder.blocks.0.mlp.2.weight").dtype;
}

ForwardCost CostModel::decoder(std::span<const CostedStep> steps) const {
  ForwardCost cost{.bytes = layers_.bytes};
  double head_rows = 0;
  const DecoderConfig& c = config_.decoder;
  // Scores and their weighted sum: each a product of W per head and visible token.
  const auto attention_per_token =
      2.0 * 2.0 * static_cast<double>(c.heads * c.head_width() * c.layers);
  for (const CostedStep& step : steps) {
    const auto rows = static_cast<double>(step.rows);
    const auto start = static_cast<double>(step.start_position);
    const double visible = rows * start + rows * (rows + 1) / 2;  // summed over the causal rows
    cost.bytes += (start + rows) * kv_token_bytes_;
    cost.operations += 2.0 * rows * layers_.matrix_elements + attention_per_token * visible;
    if (step.logits) head_rows += 1;
  }
  if (head_rows > 0) cost.bytes += head_.bytes;
  cost.operations += 2.0 * head_rows * head_.matrix_elements;
  return cost;
}

ForwardCost CostModel::audio(int64_t mel_frames) const {
  const auto frames = static_cast<double>(mel_frames);
  const auto positions = static_cast<double>(encoder_positions(mel_frames));
  const auto keys =
      static_cast<double>(encoder_valid_positions(mel_frames, AudioRule::kHuggingFace));
  // As the adaptor's convolution counts, with its padding of half a kernel.
  const auto adaptor_rows =
      static_cast<double>((encoder_frames(mel_frames) - 1) / config_.adaptor.stride + 1);
  const double products =
      frames * conv1_.matrix_elements +
      positions * (conv2_.matrix_elements + encoder_blocks_.matrix_elements) +
      adaptor_rows * adaptor_.matrix_elements +
      2.0 * positions * keys * static_cast<double>(config_.encoder.width * config_.encoder.layers);
  return {.bytes = conv1_.bytes + conv2_.bytes + encoder_blocks_.bytes + adaptor_.bytes,
          .operations = 2.0 * products};
}

}  // namespace stapes
