#include "bench/synthetic_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <memory>
#include <utility>

#include "base/fail.h"
#include "bench/huge_memory.h"
#include "bench/random_fill.h"
#include "tensor/quantized.h"

namespace stapes {
namespace {

constexpr size_t kAlignmentBytes = 64;

ModelConfig with_tiny_audio(const DecoderConfig& decoder) {
  ModelConfig config = config_like("tiny");
  config.decoder = decoder;
  return config;
}

ModelConfig qwen2_5_1_5b() {
  return with_tiny_audio({.width = 1536,
                          .feed_forward = 8960,
                          .heads = 12,
                          .kv_heads = 2,
                          .layers = 28,
                          .max_positions = 32768,
                          .vocabulary = 151936,
                          .rms_norm_eps = 1e-6,
                          .rope_theta = 1e6});
}

ModelConfig qwen2_5_0_5b() {
  return with_tiny_audio({.width = 896,
                          .feed_forward = 4864,
                          .heads = 14,
                          .kv_heads = 2,
                          .layers = 24,
                          .max_positions = 32768,
                          .vocabulary = 151936,
                          .rms_norm_eps = 1e-6,
                          .rope_theta = 1e6});
}

// The release's audio tower alone; a decoder of one layer, because every model has one.
ModelConfig step_audio_r1_audio() {
  ModelConfig config = config_like("step-audio-r1");
  config.decoder.layers = 1;
  config.decoder.vocabulary = 512;
  config.eos_token_ids = {};
  return config;
}

struct StorageName {
  const char* name;
  DType dtype;
};
constexpr std::array kStorageNames = {
    StorageName{"f32", DType::kF32},   StorageName{"f16", DType::kF16},
    StorageName{"bf16", DType::kBF16}, StorageName{"q8_0", DType::kQ8_0},
    StorageName{"q4_0", DType::kQ4_0}, StorageName{"q4_k", DType::kQ4_K},
    StorageName{"q6_k", DType::kQ6_K}};

size_t stored_bytes(const TensorSpec& tensor, DType dtype) {
  return TensorView{.dtype = dtype, .shape = tensor.shape}.size_bytes();
}

size_t aligned(size_t size_bytes) {
  return (size_bytes + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes;
}

}  // namespace

std::vector<std::string> bench_shapes() {
  std::vector<std::string> names = known_shapes();
  names.insert(names.end(), {"step-audio-r1-audio", "qwen2.5-0.5b", "qwen2.5-1.5b"});
  return names;
}

ModelConfig bench_config(const std::string& shape) {
  if (shape == "step-audio-r1-audio") return step_audio_r1_audio();
  if (shape == "qwen2.5-0.5b") return qwen2_5_0_5b();
  if (shape == "qwen2.5-1.5b") return qwen2_5_1_5b();
  const std::vector<std::string> names = bench_shapes();
  if (std::ranges::find(names, shape) == names.end()) {
    fail(ErrorCode::kUsage, "expected a known model shape ({}), got \"{}\"", fmt::join(names, ", "),
         shape);
  }
  return config_like(shape);
}

DType parse_storage_type(const std::string& name) {
  std::vector<const char*> names;
  for (const StorageName& known : kStorageNames) {
    if (name == known.name) return known.dtype;
    names.push_back(known.name);
  }
  fail(ErrorCode::kUsage, "expected a storage type ({}), got \"{}\"", fmt::join(names, ", "), name);
}

int64_t synthetic_model_bytes(const ModelConfig& config, const StorageTypes& types) {
  size_t bytes = 0;
  for (const TensorSpec& tensor : tensor_table(config))
    bytes += aligned(stored_bytes(tensor, plan_tensor(tensor, types).dtype));
  return static_cast<int64_t>(bytes);
}

void fill_synthetic(const TensorSpec& tensor, DType dtype, uint64_t stream, ThreadPool& pool,
                    std::span<std::byte> out) {
  constexpr double kBiasDeviation = 0.02;
  if (tensor.shape.size() == 1 && tensor.name.ends_with(".weight")) {  // a norm's
    std::ranges::fill(std::span(reinterpret_cast<float*>(out.data()), out.size() / sizeof(float)),
                      1.0F);
    return;
  }
  const auto inputs = static_cast<double>(element_count(tensor.shape) / tensor.shape.front());
  const double deviation = tensor.shape.size() == 1 ? kBiasDeviation : 0.5 / std::sqrt(inputs);
  fill_random(dtype, deviation, stream, pool, out);
}

ModelTensors make_synthetic_tensors(const ModelConfig& config, const StorageTypes& types,
                                    ThreadPool& pool) {
  const auto size_bytes = static_cast<size_t>(synthetic_model_bytes(config, types));
  const auto memory = std::make_shared<HugeMemory>(size_bytes);
  std::map<std::string, TensorView> views;
  size_t at = 0;
  for (const TensorSpec& tensor : tensor_table(config)) {
    const DType dtype = plan_tensor(tensor, types).dtype;
    const size_t bytes = stored_bytes(tensor, dtype);
    const std::span<std::byte> out = memory->bytes().subspan(at, bytes);
    fill_synthetic(tensor, dtype, views.size(), pool, out);
    views[tensor.name] = {.dtype = dtype, .shape = tensor.shape, .data = out.data()};
    at += aligned(bytes);
  }
  return ModelTensors::of(std::move(views), "(made in memory)", memory);
}

}  // namespace stapes
