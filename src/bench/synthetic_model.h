// A model of any known shape and storage type, made in memory out of random numbers: what it costs
// to run depends on shapes and types, not on what the weights say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "spec/model_config.h"
#include "spec/tensor_table.h"
#include "tensor/safetensors.h"
#include "tensor/tensor.h"

namespace stapes {

// The shapes of config_like, "step-audio-r1-audio" (its audio tower with one decoder layer), and
// "qwen2.5-0.5b" and "qwen2.5-1.5b": Qwen2.5's decoders (their config.json) with the audio side of
// "tiny".
std::vector<std::string> bench_shapes();
// Throws kUsage with the list for another name.
ModelConfig bench_config(const std::string& shape);

// "f32", "f16", "bf16", "q8_0", "q4_0", "q4_k", "q6_k". Throws kUsage with the list otherwise.
DType parse_storage_type(const std::string& name);

struct StorageTypes {
  DType decoder = DType::kQ8_0;  // its matrices
  DType head = DType::kQ8_0;     // lm_head and the embedding, if the decoder's type is quantized
};
// How a tensor is stored, by the rules of a quantized file: vectors and positions F32; beside
// quantized types convolutions BF16 and the audio side's matrices Q8_0; beside plain types
// everything in the decoder's type. A matrix whose shape does not fill whole blocks takes the next
// finer type that it fills: Q4_K -> Q4_0 -> Q8_0 -> BF16, and Q6_K -> Q8_0 -> BF16.
DType storage_of(const TensorSpec& tensor, const StorageTypes& types);

// A tensor's bytes: norms are 1, matrices have a deviation of 0.5 / sqrt(inputs), so that
// activations stay of ordinary size. The same `stream` gives the same bytes.
void fill_synthetic(const TensorSpec& tensor, DType dtype, uint64_t stream, ThreadPool& pool,
                    std::span<std::byte> out);

// What make_synthetic_tensors takes.
int64_t synthetic_model_bytes(const ModelConfig& config, const StorageTypes& types);

// All of the model's tensors, each with memory of its own; they own it.
ModelTensors make_synthetic_tensors(const ModelConfig& config, const StorageTypes& types,
                                    ThreadPool& pool);

}  // namespace stapes
