// Every operation that a model is made of, as one table. Model code names operations; it names no
// device, no SIMD level and no thread. `ops/reference/` is the slow, obvious truth that every other
// table is tested against.
//
// Letters, the same everywhere:
//   B batch · T text tokens · S audio frames · M mel bands · D model width · H heads ·
//   K key/value heads · F feed-forward width · V vocabulary
// and, for operations that do not care where they are used:
//   R rows · N inputs · O outputs · C channels · W width of one head.
// Arrays are row-major and dense; a span's comment gives its shape. Activations are f32. Weights
// are TensorViews in whatever dtype the model file holds, used in place, never copied: f32, f16 and
// bf16, and matrices also in the quantized formats (tensor/quantized.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace stapes {

// Tokens of a page come in multiples of this: whole vectors of keys at every level.
inline constexpr int64_t kPageTokensUnit = 16;

// The keys and values of one layer of one sequence, in pages of page_tokens tokens (a multiple of
// kPageTokensUnit): token t is slot t % page_tokens of pages[t / page_tokens]. In a page, the
// layer's keys lie as [K, W, page_tokens] at key_offset_bytes, its values as [K, page_tokens, W] at
// value_offset_bytes, both as kF32 or kBF16, or in integers with scales (kI8, kI16: ops/kv_slot.h).
struct KvPages {
  std::span<std::byte* const> pages;
  DType dtype = DType::kF32;
  int64_t page_tokens = 0;
  int64_t key_offset_bytes = 0;
  int64_t value_offset_bytes = 0;
};

// Rows [first_row, first_row + rows) of a ragged batch are the tokens
// [start_position, start_position + rows) of one sequence.
struct RaggedSequence {
  int64_t first_row = 0;
  int64_t rows = 0;
  int64_t start_position = 0;
  KvPages kv;
};

// The arguments of each operation.
namespace op {

// How products with f16 and bf16 weights, or those of attention, may be computed. kInt16: as
// integers in blocks of 32 columns, whose error is 2^-14 of the largest value of a block of x and
// of the weight. A table may take f32 all the same. (Weights in f32 are always multiplied in f32,
// quantized ones always with x in 8 bits.)
enum class Products : uint8_t { kF32, kInt16 };

// y = x · weightᵀ (+ bias). Where the weight is quantized, x is quantized too: 8 bits in blocks of
// 32 with a scale of their own.
struct Linear {
  std::span<const float> x;  // [R, N]
  TensorView weight;         // [O, N]
  TensorView bias;           // [O], or no data: none
  std::span<float> y;        // [R, O]
  Products products = Products::kF32;
};

// Several products that read the same x, as one: threads wait for each other once.
struct LinearOutput {
  TensorView weight;   // [O, N]
  TensorView bias;     // [O], or no data: none
  std::span<float> y;  // [R, O]
};
struct LinearGroup {
  std::span<const float> x;               // [R, N]
  std::span<const LinearOutput> outputs;  // at least one
  Products products = Products::kF32;
};

// Channels-last convolution over time, zeros beyond both ends.
// S' = (S + 2 · padding - kernel) / stride + 1.
struct Conv1d {
  std::span<const float> x;  // [S, C]
  TensorView weight;         // [O, C, kernel]
  TensorView bias;           // [O]
  int64_t stride = 1;
  int64_t padding = 1;
  std::span<float> y;  // [S', O]
  Products products = Products::kF32;
};

// y = (x - mean) / sqrt(variance + epsilon) · weight + bias over each row. y may be x.
struct LayerNorm {
  std::span<const float> x;  // [R, D]
  TensorView weight;         // [D]
  TensorView bias;           // [D]
  double epsilon = 1e-5;
  std::span<float> y;  // [R, D]
};

// y = x / sqrt(mean(x²) + epsilon) · weight over each row. y may be x.
struct RmsNorm {
  std::span<const float> x;  // [R, D]
  TensorView weight;         // [D]
  double epsilon = 1e-6;
  std::span<float> y;  // [R, D]
};

// y = x · Φ(x), the exact form with erf. y may be x.
struct GeluErf {
  std::span<const float> x;
  std::span<float> y;
};

// y = max(x, 0). y may be x.
struct Relu {
  std::span<const float> x;
  std::span<float> y;
};

// y = silu(gate) · up, silu(g) = g / (1 + e^-g). y may be gate or up.
struct SiluMul {
  std::span<const float> gate;
  std::span<const float> up;
  std::span<float> y;
};

// y = a + b. y may be a or b.
struct Add {
  std::span<const float> a;
  std::span<const float> b;
  std::span<float> y;
};

// Row-wise softmax. y may be x.
struct Softmax {
  std::span<const float> x;  // [R, C]
  std::span<float> y;        // [R, C]
  int64_t columns = 0;       // C
};

// y[r] = table[ids[r]], widened to f32.
struct Embed {
  TensorView table;              // [V, D], quantized tables too
  std::span<const int64_t> ids;  // [R], host memory, each in [0, V)
  std::span<float> y;            // [R, D]
};

// Mean of `window` neighbouring frames, stride `window`; a rest at the end is dropped.
struct AveragePool {
  std::span<const float> x;  // [S, C]
  int64_t channels = 0;      // C
  int64_t window = 2;
  std::span<float> y;  // [S / window, C]
};

// cosine[r, i] = cos(positions[r] · theta^(-2i / W)), sine likewise. Frequencies and angles are
// rounded to f32 as in the release's Qwen2 code, so that late positions agree with it.
struct RopeTable {
  std::span<const int64_t> positions;  // [R], host memory
  int64_t head_width = 0;              // W
  double theta = 1e6;
  std::span<float> cosine;  // [R, W / 2]
  std::span<float> sine;    // [R, W / 2]
};

// Rotates each pair (x[i], x[i + W/2]) of every head by its row's angle i ("rotate half"), in
// place.
struct Rope {
  std::span<float> x;             // [R, heads · W]
  std::span<const float> cosine;  // [R, W / 2]
  std::span<const float> sine;    // [R, W / 2]
  int64_t head_width = 0;         // W
};

// Every query sees keys [0, valid_keys); scores are scaled by 1 / sqrt(W). y may not be q, k or v.
// As integers queries, keys and values have errors of 2^-14 of the largest value in 32 components,
// weights of 2^-13 of the largest among 64 keys.
struct AttentionBidirectional {
  std::span<const float> q;  // [S, H · W]
  std::span<const float> k;  // [S, H · W]
  std::span<const float> v;  // [S, H · W]
  int64_t heads = 0;         // H
  int64_t frames = 0;        // S
  int64_t valid_keys = 0;    // in [1, S]
  std::span<float> y;        // [S, H · W]
  Products products = Products::kF32;
};

// Writes the rows' keys and values to their sequences' pages.
struct KvWrite {
  std::span<const float> k;  // [T, K · W]
  std::span<const float> v;  // [T, K · W]
  std::span<const RaggedSequence> sequences;
  int64_t kv_heads = 0;    // K
  int64_t head_width = 0;  // W
};

// Causal attention over paged keys and values (the rows' own included: KvWrite comes first). Query
// head h reads key/value head h / (H / K); scores are scaled by 1 / sqrt(W). y may not be q.
struct AttentionPaged {
  std::span<const float> q;  // [T, H · W]
  std::span<const RaggedSequence> sequences;
  int64_t heads = 0;       // H
  int64_t kv_heads = 0;    // K, divides H
  int64_t head_width = 0;  // W
  std::span<float> y;      // [T, H · W]
};

}  // namespace op

// f32 memory of the table's device. Not initialized. Lives no longer than its Ops.
class Buffer {
 public:
  using Free = void (*)(float*) noexcept;
  Buffer() : data_(nullptr, nullptr) {}
  Buffer(float* data, int64_t count, Free free) : data_(data, free), count_(count) {}

  std::span<float> values() { return {data_.get(), static_cast<size_t>(count_)}; }
  std::span<const float> values() const { return {data_.get(), static_cast<size_t>(count_)}; }
  operator std::span<float>() { return values(); }
  operator std::span<const float>() const { return values(); }

 private:
  std::unique_ptr<float[], Free> data_;
  int64_t count_ = 0;
};

// The table. Each public function checks that the shapes fit together (a misfit is our own bug and
// aborts) and then runs the table's own form. Calls may come from several threads. Every output row
// has the same bits alone and in any batch, with any number of threads.
class Ops {
 public:
  virtual ~Ops() = default;
  Ops() = default;
  Ops(const Ops&) = delete;
  Ops& operator=(const Ops&) = delete;

  virtual std::string_view name() const = 0;  // "reference", "avx512", ...

  void linear(const op::Linear& args) const;
  void linear_group(const op::LinearGroup& args) const;
  void conv1d(const op::Conv1d& args) const;
  void layer_norm(const op::LayerNorm& args) const;
  void rms_norm(const op::RmsNorm& args) const;
  void gelu_erf(const op::GeluErf& args) const;
  void relu(const op::Relu& args) const;
  void silu_mul(const op::SiluMul& args) const;
  void add(const op::Add& args) const;
  void softmax(const op::Softmax& args) const;
  void embed(const op::Embed& args) const;
  void average_pool(const op::AveragePool& args) const;
  void rope_table(const op::RopeTable& args) const;
  void rope(const op::Rope& args) const;
  void attention_bidirectional(const op::AttentionBidirectional& args) const;
  void kv_write(const op::KvWrite& args) const;
  void attention_paged(const op::AttentionPaged& args) const;

  // Where activations live. Host memory (64-byte aligned) unless a table says otherwise; upload and
  // download copy between host memory and the table's. Page pools use buffers too.
  virtual Buffer buffer(int64_t count) const;
  virtual void upload(std::span<const float> host, std::span<float> device) const;
  virtual void download(std::span<const float> device, std::span<float> host) const;
  // The values where the processor can read them: in place, or else in `copy`.
  virtual std::span<const float> on_host(std::span<const float> device,
                                         std::vector<float>& copy) const;
  // Work of the caller's own on the processor: body(begin, end) for chunks that cover [0, count),
  // by the table's threads where it has some; otherwise as ThreadPool::parallel_for. For items that
  // take some tens of microseconds or more.
  using Body = std::function<void(int64_t begin, int64_t end)>;
  virtual void parallel_for(int64_t count, const Body& body) const;
  // Called once per weight at load; the result is what the operations get. The same view unless the
  // table's device cannot read host memory. Throws kUnsupported for a dtype that it cannot compute
  // with.
  virtual TensorView place_weight(const TensorView& weight) const;

 private:
  virtual void run(const op::LinearGroup& args) const = 0;
  virtual void run(const op::Conv1d& args) const = 0;
  virtual void run(const op::LayerNorm& args) const = 0;
  virtual void run(const op::RmsNorm& args) const = 0;
  virtual void run(const op::GeluErf& args) const = 0;
  virtual void run(const op::Relu& args) const = 0;
  virtual void run(const op::SiluMul& args) const = 0;
  virtual void run(const op::Add& args) const = 0;
  virtual void run(const op::Softmax& args) const = 0;
  virtual void run(const op::Embed& args) const = 0;
  virtual void run(const op::AveragePool& args) const = 0;
  virtual void run(const op::RopeTable& args) const = 0;
  virtual void run(const op::Rope& args) const = 0;
  virtual void run(const op::AttentionBidirectional& args) const = 0;
  virtual void run(const op::KvWrite& args) const = 0;
  virtual void run(const op::AttentionPaged& args) const = 0;
};

enum class OpsLevel : uint8_t { kReference, kGeneric, kAvx2, kAvx512, kAvx512Vnni, kAmx };

// Does this processor have what the level needs?
bool is_supported(OpsLevel level);
std::vector<OpsLevel> supported_ops_levels();  // kReference first, the fastest last
const char* name(OpsLevel level);
// "reference", "generic", "avx2", "avx512", "avx512vnni", "amx". Throws kUsage with the list
// otherwise.
OpsLevel parse_ops_level(std::string_view name);

// The level that the environment variable STAPES_OPS names, else the fastest that this processor
// has. threads: 0 is one per core. Throws kUsage (unknown name), kUnsupported (the processor lacks
// it).
std::unique_ptr<Ops> make_ops(int threads = 0);
std::unique_ptr<Ops> make_ops(OpsLevel level, int threads = 0);

}  // namespace stapes
