// A model of any known shape out of random numbers, as a file: to measure loading and the engine
// where the real weights are not at hand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "bench/synthetic_model.h"

namespace stapes {

// Writes one GGUF file, tensor by tensor, with `tokenizer_json` (a valid one), to which tokens are
// added that no text becomes until the model's vocabulary is full. `progress` gets the bytes done
// and all bytes. Throws kUsage (an unknown shape), kIo.
void write_synthetic_model(const std::filesystem::path& file, const std::string& shape,
                           const StorageTypes& types, const std::string& tokenizer_json,
                           ThreadPool& pool,
                           const std::function<void(uint64_t, uint64_t)>& progress = {});

}  // namespace stapes
