#include "spec/tensor_table.h"

#include <fmt/format.h>

#include <set>
#include <string_view>

#include "base/fail.h"

namespace stapes {
namespace {

class TableBuilder {
 public:
  void add(std::string name, Shape shape, Precision lowest) {
    table_.push_back({std::move(name), std::move(shape), lowest});
  }
  void vector(std::string name, int64_t width) {
    add(std::move(name), {width}, Precision::kFloat32);
  }
  void norm(const std::string& name, int64_t width) {  // LayerNorm
    vector(name + ".weight", width);
    vector(name + ".bias", width);
  }
  // y = W x + b, weight [out, in].
  void linear(const std::string& name, int64_t out, int64_t in, Precision lowest, bool bias) {
    add(name + ".weight", {out, in}, lowest);
    if (bias) vector(name + ".bias", out);
  }
  // Weight [out, in, kernel]. Only the audio side has convolutions.
  void convolution(const std::string& name, int64_t out, int64_t in, int64_t kernel) {
    add(name + ".weight", {out, in, kernel}, Precision::kBits8);
    vector(name + ".bias", out);
  }
  std::vector<TensorSpec> take() { return std::move(table_); }

 private:
  std::vector<TensorSpec> table_;
};

void add_encoder(TableBuilder& table, const EncoderConfig& config) {
  constexpr int64_t kStemKernel = 3;
  constexpr Precision kLowest = Precision::kBits8;
  const int64_t width = config.width;
  table.convolution("encoder.conv1", width, config.mel_bands, kStemKernel);
  table.convolution("encoder.conv2", width, width, kStemKernel);
  table.add("encoder.positional_embedding.weight", {config.max_positions, width},
            Precision::kFloat32);
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string block = fmt::format("encoder.blocks.{}.", layer);
    table.linear(block + "attn.query", width, width, kLowest, true);
    table.linear(block + "attn.key", width, width, kLowest, false);
    table.linear(block + "attn.value", width, width, kLowest, true);
    table.linear(block + "attn.out", width, width, kLowest, true);
    table.norm(block + "attn_ln", width);
    table.linear(block + "mlp.0", config.feed_forward(), width, kLowest, true);
    table.linear(block + "mlp.2", width, config.feed_forward(), kLowest, true);
    table.norm(block + "mlp_ln", width);
  }
  table.norm("encoder.after_norm", width);
}

void add_adaptor(TableBuilder& table, const ModelConfig& config) {
  const int64_t width = config.encoder.width;
  const AdaptorConfig& adaptor = config.adaptor;
  table.convolution("adapter.conv", width, width, adaptor.kernel);
  table.linear("adapter.linear1", adaptor.hidden_width, width, Precision::kBits8, true);
  table.linear("adapter.linear2", config.decoder.width, adaptor.hidden_width, Precision::kBits8,
               true);
}

void add_decoder(TableBuilder& table, const DecoderConfig& config) {
  constexpr Precision kLowest = Precision::kAny;
  const int64_t width = config.width;
  const int64_t kv_width = config.kv_heads * config.head_width();
  table.add("model.embed_tokens.weight", {config.vocabulary, width}, Precision::kBits6);
  for (int64_t layer = 0; layer < config.layers; ++layer) {
    const std::string block = fmt::format("model.layers.{}.", layer);
    table.vector(block + "input_layernorm.weight", width);
    table.linear(block + "self_attn.q_proj", width, width, kLowest, true);
    table.linear(block + "self_attn.k_proj", kv_width, width, kLowest, true);
    table.linear(block + "self_attn.v_proj", kv_width, width, kLowest, true);
    table.linear(block + "self_attn.o_proj", width, width, kLowest, false);
    table.vector(block + "post_attention_layernorm.weight", width);
    table.linear(block + "mlp.gate_proj", config.feed_forward, width, kLowest, false);
    table.linear(block + "mlp.up_proj", config.feed_forward, width, kLowest, false);
    table.linear(block + "mlp.down_proj", width, config.feed_forward, kLowest, false);
  }
  table.vector("model.norm.weight", width);
  table.add("lm_head.weight", {config.vocabulary, width}, Precision::kBits6);
}

bool is_float(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
}

// Matrices may be quantized; norms, biases, positions and convolutions may not.
bool may_be_quantized(const TensorSpec& spec) {
  return spec.shape.size() == 2 && spec.lowest_precision != Precision::kFloat32;
}

// Counts the problems, and keeps the sentence of the first.
class Problems {
 public:
  template <typename... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    if (count_++ == 0) first_ = fmt::format(format, std::forward<Args>(args)...);
  }
  void throw_if_any() const {
    if (count_ == 0) return;
    const int64_t more = count_ - 1;
    fail(ErrorCode::kInvalidModel, "{}{}", first_,
         more == 0 ? "" : fmt::format(" (and {} more problem{})", more, more == 1 ? "" : "s"));
  }

 private:
  std::string first_;
  int64_t count_ = 0;
};

}  // namespace

std::vector<TensorSpec> tensor_table(const ModelConfig& config) {
  TableBuilder table;
  add_encoder(table, config.encoder);
  add_adaptor(table, config);
  add_decoder(table, config.decoder);
  return table.take();
}

int64_t parameter_count(const std::vector<TensorSpec>& table) {
  int64_t count = 0;
  for (const TensorSpec& spec : table) count += element_count(spec.shape);
  return count;
}

void check_tensors(const ModelTensors& tensors, const std::vector<TensorSpec>& table) {
  Problems problems;
  std::set<std::string_view> expected;
  for (const TensorSpec& spec : table) {
    expected.insert(spec.name);
    const auto found = tensors.tensors().find(spec.name);
    if (found == tensors.tensors().end()) {
      problems.add("{}: expected a tensor {} of shape {}, but there is none",
                   tensors.folder().string(), spec.name, to_string(spec.shape));
      continue;
    }
    const TensorView& view = found->second;
    const std::string file = tensors.file_of(spec.name).string();
    if (view.shape != spec.shape)
      problems.add("{}: tensor {}: expected the shape {}, got {}", file, spec.name,
                   to_string(spec.shape), to_string(view.shape));
    else if (!is_float(view.dtype) && !(is_quantized(view.dtype) && may_be_quantized(spec)))
      problems.add("{}: tensor {}: expected F32, F16 or BF16{}, got {}", file, spec.name,
                   may_be_quantized(spec) ? " or a quantized type" : "", name(view.dtype));
  }
  for (const auto& [tensor, view] : tensors.tensors())
    if (!expected.contains(tensor))
      problems.add("{}: tensor {} of shape {} is not part of this model",
                   tensors.file_of(tensor).string(), tensor, to_string(view.shape));
  problems.throw_if_any();
}

}  // namespace stapes
