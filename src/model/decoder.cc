#include "model/decoder.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/fail.h"

namespace stapes {

struct DecoderWorkspace::Memory {
  Buffer activations;
  Buffer logits;
  std::vector<float> logits_on_host;  // of a table whose memory the processor cannot read
};

DecoderWorkspace::DecoderWorkspace() : memory_(std::make_unique<Memory>()) {}
DecoderWorkspace::~DecoderWorkspace() = default;

namespace {

// The first `count` values of a buffer that is made anew where it is too small.
std::span<float> at_least(const Ops& ops, int64_t count, Buffer& buffer) {
  if (static_cast<int64_t>(buffer.values().size()) < count) {
    buffer = {};  // before its successor is made: both need not fit
    buffer = ops.buffer(count);
  }
  return buffer.values().first(static_cast<size_t>(count));
}

}  // namespace

struct Decoder::Scratch {
  std::vector<RaggedSequence> sequences;  // kv: of the layer that is running
  std::span<float> x;                     // [T, D], the residual stream
  std::span<float> normed;                // [T, D]
  std::span<float> q;                     // [T, H · W]
  std::span<float> k, v;                  // [T, K · W]
  std::span<float> attended;              // [T, H · W]
  std::span<float> gate, up;              // [T, F]
  std::span<float> cosine, sine;          // [T, W / 2]

  Scratch(const Ops& ops, const DecoderConfig& c, int64_t rows, Buffer& memory) {
    struct Part {
      std::span<float>* values;
      int64_t width;
    };
    const int64_t query = c.heads * c.head_width(), key = c.kv_heads * c.head_width();
    const Part parts[] = {{&x, c.width},
                          {&normed, c.width},
                          {&q, query},
                          {&k, key},
                          {&v, key},
                          {&attended, query},
                          {&gate, c.feed_forward},
                          {&up, c.feed_forward},
                          {&cosine, c.head_width() / 2},
                          {&sine, c.head_width() / 2}};
    constexpr int64_t kUnit = 16;  // floats of a cache line
    const auto padded = [&](const Part& part) {
      return (rows * part.width + kUnit - 1) / kUnit * kUnit;
    };
    int64_t total = 0;
    for (const Part& part : parts) total += padded(part);
    std::span<float> left = at_least(ops, total, memory);
    for (const Part& part : parts) {
      *part.values = left.first(static_cast<size_t>(rows * part.width));
      left = left.subspan(static_cast<size_t>(padded(part)));
    }
  }
};

std::span<const float> LogitsView::row(int64_t r) const {
  STAPES_CHECK(r >= 0 && r < rows(), "row {} of {} rows of logits", r, rows());
  return values_.subspan(static_cast<size_t>(r * vocabulary_), static_cast<size_t>(vocabulary_));
}

Decoder::Decoder(const Ops& ops, DecoderConfig config, DecoderWeights weights)
    : ops_(&ops), config_(config), weights_(std::move(weights)) {}

Tensor Decoder::embed(std::span<const int64_t> ids) const {
  for (const int64_t id : ids) {
    if (id < 0 || id >= config_.vocabulary) {
      fail(ErrorCode::kInvalidModel, "token {} is outside of the model's vocabulary of {}", id,
           config_.vocabulary);
    }
  }
  Tensor x({static_cast<int64_t>(ids.size()), config_.width});
  Buffer rows = ops_->buffer(x.element_count());
  ops_->embed({.table = weights_.embed_tokens, .ids = ids, .y = rows});
  ops_->download(rows, x.values());
  return x;
}

Tensor Decoder::forward(const Tensor& x, std::span<const DecoderStep> steps) const {
  DecoderWorkspace workspace;
  const LogitsView logits = forward(x, steps, workspace);
  Tensor copy({logits.rows(), config_.vocabulary});
  std::ranges::copy(logits.values(), copy.values().begin());
  return copy;
}

LogitsView Decoder::forward(const Tensor& x, std::span<const DecoderStep> steps,
                            DecoderWorkspace& workspace) const {
  STAPES_CHECK(x.shape().size() == 2 && x.dim(1) == config_.width);
  Scratch s(*ops_, config_, x.dim(0), workspace.memory_->activations);
  s.sequences = ragged_sequences(steps);
  ops_->upload(x.values(), s.x);
  prepare_rope(s);
  for (int64_t i = 0; i < config_.layers; ++i) layer(i, steps, s);
  return logits(steps, s, workspace);
}

std::vector<RaggedSequence> Decoder::ragged_sequences(std::span<const DecoderStep> steps) const {
  std::vector<RaggedSequence> sequences;
  int64_t row = 0;
  for (const DecoderStep& step : steps) {
    if (step.start_position + step.rows > config_.max_positions) {
      fail(ErrorCode::kTooLarge, "a sequence of {} tokens: the model has positions for {}",
           step.start_position + step.rows, config_.max_positions);
    }
    sequences.push_back(
        {.first_row = row, .rows = step.rows, .start_position = step.start_position, .kv = {}});
    row += step.rows;
  }
  return sequences;
}

void Decoder::prepare_rope(Scratch& s) const {
  std::vector<int64_t> positions;
  for (const RaggedSequence& sequence : s.sequences) {
    for (int64_t r = 0; r < sequence.rows; ++r) positions.push_back(sequence.start_position + r);
  }
  ops_->rope_table({.positions = positions,
                    .head_width = config_.head_width(),
                    .theta = config_.rope_theta,
                    .cosine = s.cosine,
                    .sine = s.sine});
}

void Decoder::layer(int64_t index, std::span<const DecoderStep> steps, Scratch& s) const {
  const DecoderLayerWeights& w = weights_.layers[static_cast<size_t>(index)];
  const int64_t head_width = config_.head_width();
  using Values = std::span<float>;
  const auto linear = [this](const Affine& affine, Values x, Values y) {
    ops_->linear({.x = x, .weight = affine.weight, .bias = affine.bias, .y = y});
  };
  const auto norm = [this](const Affine& affine, Values x, Values y) {
    ops_->rms_norm({.x = x, .weight = affine.weight, .epsilon = config_.rms_norm_eps, .y = y});
  };
  for (size_t i = 0; i < steps.size(); ++i) s.sequences[i].kv = steps[i].kv.layer(index);

  norm(w.input_layernorm, s.x, s.normed);
  const op::LinearOutput qkv[] = {{w.q_proj.weight, w.q_proj.bias, s.q},
                                  {w.k_proj.weight, w.k_proj.bias, s.k},
                                  {w.v_proj.weight, w.v_proj.bias, s.v}};
  ops_->linear_group({.x = s.normed, .outputs = qkv});
  ops_->rope({.x = s.q, .cosine = s.cosine, .sine = s.sine, .head_width = head_width});
  ops_->rope({.x = s.k, .cosine = s.cosine, .sine = s.sine, .head_width = head_width});
  ops_->kv_write({.k = s.k,
                  .v = s.v,
                  .sequences = s.sequences,
                  .kv_heads = config_.kv_heads,
                  .head_width = head_width});
  ops_->attention_paged({.q = s.q,
                         .sequences = s.sequences,
                         .heads = config_.heads,
                         .kv_heads = config_.kv_heads,
                         .head_width = head_width,
                         .y = s.attended});
  linear(w.o_proj, s.attended, s.normed);
  ops_->add({.a = s.x, .b = s.normed, .y = s.x});

  norm(w.post_attention_layernorm, s.x, s.normed);
  const op::LinearOutput gate_up[] = {{w.gate_proj.weight, {}, s.gate},
                                      {w.up_proj.weight, {}, s.up}};
  ops_->linear_group({.x = s.normed, .outputs = gate_up});
  ops_->silu_mul({.gate = s.gate, .up = s.up, .y = s.gate});
  linear(w.down_proj, s.gate, s.normed);
  ops_->add({.a = s.x, .b = s.normed, .y = s.x});
}

// Only the wanted rows go through the final norm and the head: V is the widest product of all.
LogitsView Decoder::logits(std::span<const DecoderStep> steps, Scratch& s,
                           DecoderWorkspace& workspace) const {
  const int64_t width = config_.width;
  int64_t wanted = 0;
  for (size_t i = 0; i < steps.size(); ++i) {
    const RaggedSequence& sequence = s.sequences[i];
    const LogitRows rows = steps[i].logits;
    const int64_t count = rows == LogitRows::kAll    ? sequence.rows
                          : rows == LogitRows::kLast ? 1
                                                     : 0;
    const int64_t first = sequence.first_row + sequence.rows - count;
    const auto values =
        s.x.subspan(static_cast<size_t>(first * width), static_cast<size_t>(count * width));
    ops_->rms_norm({.x = values,
                    .weight = weights_.norm.weight,
                    .epsilon = config_.rms_norm_eps,
                    .y = s.normed.subspan(static_cast<size_t>(wanted * width), values.size())});
    wanted += count;
  }
  DecoderWorkspace::Memory& memory = *workspace.memory_;
  const std::span<float> y = at_least(*ops_, wanted * config_.vocabulary, memory.logits);
  ops_->linear({.x = s.normed.first(static_cast<size_t>(wanted * width)),
                .weight = weights_.lm_head.weight,
                .bias = {},
                .y = y});
  return {ops_->on_host(y, memory.logits_on_host), config_.vocabulary};
}

}  // namespace stapes
