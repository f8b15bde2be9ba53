// The language decoder, Qwen2 (reference A3, A5): RMSNorm, biased query/key/value projections,
// rotate-half RoPE, grouped-query attention, SwiGLU. Prefill and decode are the same forward.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "model/kv_view.h"
#include "model/weights.h"
#include "ops/ops.h"
#include "spec/model_config.h"
#include "tensor/tensor.h"

namespace stapes {

enum class LogitRows : uint8_t { kNone, kLast, kAll };

// The next `rows` tokens of one sequence. kv holds its tokens [0, start_position) and has room for
// the new ones.
struct DecoderStep {
  KvView kv;
  int64_t start_position = 0;
  int64_t rows = 0;  // at least 1
  LogitRows logits = LogitRows::kLast;
};

// Logits [rows, V] in memory that somebody else owns: a Tensor, or a DecoderWorkspace.
class LogitsView {
 public:
  LogitsView() = default;
  LogitsView(std::span<const float> values, int64_t vocabulary)
      : values_(values), vocabulary_(vocabulary) {}
  LogitsView(const Tensor& logits) : LogitsView(logits.values(), logits.dim(1)) {}

  std::span<const float> values() const { return values_; }
  int64_t rows() const { return static_cast<int64_t>(values_.size()) / vocabulary_; }
  std::span<const float> row(int64_t r) const;

 private:
  std::span<const float> values_;
  int64_t vocabulary_ = 1;
};

// Memory that forward passes use again and again: new pages cost more than what many operations do
// in them. It grows to what the largest pass takes. One pass at a time; the logits of a pass stand
// in it until the next. Lives no longer than the passes' Ops.
class DecoderWorkspace {
 public:
  DecoderWorkspace();
  ~DecoderWorkspace();

 private:
  friend class Decoder;
  struct Memory;
  std::unique_ptr<Memory> memory_;
};

class Decoder {
 public:
  // `ops` and what the weights view must outlive the decoder.
  Decoder(const Ops& ops, DecoderConfig config, DecoderWeights weights);

  const DecoderConfig& config() const { return config_; }

  // ids [T] -> [T, D]. Rows of audio are then overwritten with the adaptor's. Throws kInvalidModel
  // for an id outside of the vocabulary (the tokenizer does not fit the model).
  Tensor embed(std::span<const int64_t> ids) const;

  // x [T, D]: the steps' rows one after another. Writes their keys and values through the views and
  // returns the wanted logits [rows wanted, V] in the same order. A sequence's logits have the same
  // bits alone and in any batch, and in one piece or in several. Throws kTooLarge where a sequence
  // would be longer than max_positions.
  LogitsView forward(const Tensor& x, std::span<const DecoderStep> steps,
                     DecoderWorkspace& workspace) const;
  // The same in memory of its own.
  Tensor forward(const Tensor& x, std::span<const DecoderStep> steps) const;

 private:
  struct Scratch;
  std::vector<RaggedSequence> ragged_sequences(std::span<const DecoderStep> steps) const;
  void prepare_rope(Scratch& scratch) const;
  void layer(int64_t index, std::span<const DecoderStep> steps, Scratch& scratch) const;
  LogitsView logits(std::span<const DecoderStep> steps, Scratch& scratch,
                    DecoderWorkspace& workspace) const;

  const Ops* ops_;
  DecoderConfig config_;
  DecoderWeights weights_;
};

}  // namespace stapes
