// One place for the checks of every operation: what passes here fits together for every table.
#include "ops/ops.h"

#include "ops/kv_slot.h"

#include <algorithm>
#include <new>

#include "base/check.h"
#include "base/fail.h"
#include "tensor/quantized.h"

namespace stapes {
namespace {

int64_t length(std::span<const float> values) {
  return static_cast<int64_t>(values.size());
}

bool is_float(const TensorView& view) {
  return view.data != nullptr &&
         (view.dtype == DType::kF32 || view.dtype == DType::kF16 || view.dtype == DType::kBF16);
}

bool is_matrix(const TensorView& view) {
  if (view.data == nullptr || view.shape.size() != 2) return false;
  return is_quantized(view.dtype) ? fits_blocks(view.dtype, view.shape) : is_float(view);
}

bool is_vector(const TensorView& view, int64_t count) {
  return is_float(view) && view.shape.size() == 1 && view.shape[0] == count;
}

// Rows of `width` that `values` holds.
int64_t rows_of(std::span<const float> values, int64_t width, const char* what) {
  STAPES_CHECK(width > 0 && length(values) % width == 0, "{}: {} values in rows of {}", what,
               values.size(), width);
  return length(values) / width;
}

void check_sequences(std::span<const RaggedSequence> sequences, int64_t rows) {
  int64_t next_row = 0;
  for (const RaggedSequence& sequence : sequences) {
    STAPES_CHECK(
        sequence.first_row == next_row && sequence.rows > 0 && sequence.start_position >= 0,
        "sequence of {} rows at row {} (expected {}), position {}", sequence.rows,
        sequence.first_row, next_row, sequence.start_position);
    next_row += sequence.rows;
    const KvPages& kv = sequence.kv;
    const int64_t tokens = sequence.start_position + sequence.rows;
    STAPES_CHECK(kv.dtype == DType::kF32 || kv.dtype == DType::kBF16 || is_integer_kv(kv.dtype));
    STAPES_CHECK(kv.page_tokens > 0 && kv.page_tokens % kPageTokensUnit == 0);
    STAPES_CHECK(static_cast<int64_t>(kv.pages.size()) * kv.page_tokens >= tokens,
                 "{} pages of {} tokens for a sequence of {}", kv.pages.size(), kv.page_tokens,
                 tokens);
  }
  STAPES_CHECK(next_row == rows, "sequences of {} rows in a batch of {}", next_row, rows);
}

}  // namespace

void Ops::linear(const op::Linear& args) const {
  const op::LinearOutput output{.weight = args.weight, .bias = args.bias, .y = args.y};
  linear_group({.x = args.x, .outputs = {&output, 1}, .products = args.products});
}

void Ops::linear_group(const op::LinearGroup& args) const {
  STAPES_CHECK(!args.outputs.empty());
  for (const op::LinearOutput& output : args.outputs) {
    const TensorView& weight = output.weight;
    STAPES_CHECK(is_matrix(weight) && weight.shape[1] == args.outputs[0].weight.shape[1]);
    const int64_t rows = rows_of(args.x, weight.shape[1], "linear x");
    STAPES_CHECK(length(output.y) == rows * weight.shape[0], "linear: y of {} values for {} x {}",
                 output.y.size(), rows, weight.shape[0]);
    STAPES_CHECK(output.bias.data == nullptr || is_vector(output.bias, weight.shape[0]));
  }
  if (!args.x.empty()) run(args);
}

void Ops::conv1d(const op::Conv1d& args) const {
  STAPES_CHECK(is_float(args.weight) && args.weight.shape.size() == 3 && args.stride > 0);
  const int64_t outputs = args.weight.shape[0];
  const int64_t frames = rows_of(args.x, args.weight.shape[1], "conv1d x");
  const int64_t span = frames + 2 * args.padding - args.weight.shape[2];
  STAPES_CHECK(frames > 0 && args.padding >= 0 && span >= 0);
  STAPES_CHECK(length(args.y) == (span / args.stride + 1) * outputs,
               "conv1d: y of {} values, expected {}", args.y.size(),
               (span / args.stride + 1) * outputs);
  STAPES_CHECK(is_vector(args.bias, outputs));
  run(args);
}

void Ops::layer_norm(const op::LayerNorm& args) const {
  STAPES_CHECK(is_float(args.weight) && args.weight.shape.size() == 1);
  rows_of(args.x, args.weight.shape[0], "layer_norm x");
  STAPES_CHECK(is_vector(args.bias, args.weight.shape[0]) && args.y.size() == args.x.size());
  run(args);
}

void Ops::rms_norm(const op::RmsNorm& args) const {
  STAPES_CHECK(is_float(args.weight) && args.weight.shape.size() == 1);
  rows_of(args.x, args.weight.shape[0], "rms_norm x");
  STAPES_CHECK(args.y.size() == args.x.size());
  run(args);
}

void Ops::gelu_erf(const op::GeluErf& args) const {
  STAPES_CHECK(args.x.size() == args.y.size());
  run(args);
}

void Ops::relu(const op::Relu& args) const {
  STAPES_CHECK(args.x.size() == args.y.size());
  run(args);
}

void Ops::silu_mul(const op::SiluMul& args) const {
  STAPES_CHECK(args.gate.size() == args.y.size() && args.up.size() == args.y.size());
  run(args);
}

void Ops::add(const op::Add& args) const {
  STAPES_CHECK(args.a.size() == args.y.size() && args.b.size() == args.y.size());
  run(args);
}

void Ops::softmax(const op::Softmax& args) const {
  rows_of(args.x, args.columns, "softmax x");
  STAPES_CHECK(args.x.size() == args.y.size());
  run(args);
}

void Ops::embed(const op::Embed& args) const {
  STAPES_CHECK(is_matrix(args.table));
  STAPES_CHECK(rows_of(args.y, args.table.shape[1], "embed y") ==
               static_cast<int64_t>(args.ids.size()));
  for (const int64_t id : args.ids) {
    STAPES_CHECK(id >= 0 && id < args.table.shape[0], "embed: row {} of {}", id,
                 args.table.shape[0]);
  }
  run(args);
}

void Ops::average_pool(const op::AveragePool& args) const {
  STAPES_CHECK(args.window > 0);
  const int64_t frames = rows_of(args.x, args.channels, "average_pool x");
  STAPES_CHECK(rows_of(args.y, args.channels, "average_pool y") == frames / args.window);
  run(args);
}

void Ops::rope_table(const op::RopeTable& args) const {
  STAPES_CHECK(args.head_width > 0 && args.head_width % 2 == 0);
  const int64_t count = static_cast<int64_t>(args.positions.size()) * args.head_width / 2;
  STAPES_CHECK(length(args.cosine) == count && length(args.sine) == count);
  run(args);
}

void Ops::rope(const op::Rope& args) const {
  STAPES_CHECK(args.head_width > 0 && args.head_width % 2 == 0);
  const int64_t rows = rows_of(args.cosine, args.head_width / 2, "rope cosine");
  STAPES_CHECK(args.sine.size() == args.cosine.size());
  if (rows == 0) return;
  STAPES_CHECK(length(args.x) % (rows * args.head_width) == 0, "rope: {} values for {} rows of {}",
               args.x.size(), rows, args.head_width);
  run(args);
}

void Ops::attention_bidirectional(const op::AttentionBidirectional& args) const {
  STAPES_CHECK(
      args.frames > 0 && args.heads > 0 && args.valid_keys > 0 && args.valid_keys <= args.frames,
      "attention over {} of {} keys", args.valid_keys, args.frames);
  STAPES_CHECK(length(args.q) % (args.frames * args.heads) == 0);
  STAPES_CHECK(args.k.size() == args.q.size() && args.v.size() == args.q.size() &&
               args.y.size() == args.q.size());
  run(args);
}

void Ops::kv_write(const op::KvWrite& args) const {
  check_sequences(args.sequences, rows_of(args.k, args.kv_heads * args.head_width, "kv_write k"));
  STAPES_CHECK(args.k.size() == args.v.size());
  run(args);
}

void Ops::attention_paged(const op::AttentionPaged& args) const {
  STAPES_CHECK(args.kv_heads > 0 && args.heads % args.kv_heads == 0);
  check_sequences(args.sequences, rows_of(args.q, args.heads * args.head_width, "attention q"));
  STAPES_CHECK(args.y.size() == args.q.size());
  run(args);
}

Buffer Ops::buffer(int64_t count) const {
  constexpr std::align_val_t kAlignment{64};
  auto* data =
      static_cast<float*>(::operator new[](static_cast<size_t>(count) * sizeof(float), kAlignment));
  return {data, count, [](float* p) noexcept { ::operator delete[](p, kAlignment); }};
}

void Ops::upload(std::span<const float> host, std::span<float> device) const {
  STAPES_CHECK(host.size() == device.size());
  std::ranges::copy(host, device.begin());
}

void Ops::download(std::span<const float> device, std::span<float> host) const {
  STAPES_CHECK(host.size() == device.size());
  std::ranges::copy(device, host.begin());
}

std::span<const float> Ops::on_host(std::span<const float> device, std::vector<float>&) const {
  return device;
}

void Ops::parallel_for(int64_t count, const Body& body) const {
  if (count > 0) body(0, count);
}

TensorView Ops::place_weight(const TensorView& weight) const {
  if (!is_float(weight) && !is_matrix(weight)) {
    fail(ErrorCode::kUnsupported,
         "a weight of shape {} has dtype {}; the {} operations compute with F32, F16 and BF16, and "
         "with matrices in Q8_0, Q4_0, Q4_K and Q6_K whose rows are a multiple of {}",
         to_string(weight.shape), stapes::name(weight.dtype), name(), kTileRows);
  }
  return weight;
}

}  // namespace stapes
