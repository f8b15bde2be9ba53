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
#include "spec/storage_plan.h"
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
