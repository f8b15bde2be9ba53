// For tests: a random small model in a folder of its own, and sequences with pages.
#pragma once

#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/rng.h"
#include "model/kv_view.h"
#include "spec/model_config.h"
#include "spec/tensor_table.h"
#include "tensor/safetensors.h"

namespace stapes::testing {

// As "tiny", smaller still, with widths that leave remainders on every vector length.
inline ModelConfig small_config() {
  ModelConfig config = config_like("tiny");
  config.encoder.mel_bands = 10;
  config.encoder.max_positions = 40;
  config.encoder.width = 36;
  config.encoder.heads = 3;
  config.encoder.layers = 2;
  config.adaptor.hidden_width = 27;
  config.decoder.width = 60;
  config.decoder.heads = 6;  // of width 10
  config.decoder.kv_heads = 2;
  config.decoder.feed_forward = 90;
  config.decoder.layers = 3;
  config.decoder.max_positions = 128;
  config.decoder.vocabulary = 70;
  return config;
}

// Weights that keep activations of the size of their inputs, and norms near 1.
inline Tensor random_tensor(const TensorSpec& spec, Rng& rng) {
  Tensor tensor(spec.shape);
  const bool is_norm = spec.name.find("norm.weight") != std::string::npos ||
                       spec.name.find("_ln.weight") != std::string::npos;
  const bool is_matrix = spec.shape.size() > 1;
  const auto fan_in = static_cast<double>(tensor.element_count() / spec.shape.front());
  const double scale = is_matrix ? 1.0 / std::sqrt(fan_in) : 0.2;
  for (float& value : tensor.values()) {
    value = static_cast<float>(scale * rng.normal() + (is_norm ? 1.0 : 0.0));
  }
  return tensor;
}

class RandomModelFolder {
 public:
  explicit RandomModelFolder(ModelConfig config, DType dtype = DType::kF32) : config_(config) {
    std::string name = (std::filesystem::temp_directory_path() / "stapes-model-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
    write_file_atomically(path_ / "config.json", to_json(config_));
    write(tensor_table(config_), dtype);
  }
  RandomModelFolder(const RandomModelFolder&) = delete;
  RandomModelFolder& operator=(const RandomModelFolder&) = delete;
  ~RandomModelFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  // Writes the file anew with these tensors.
  void write(const std::vector<TensorSpec>& table, DType dtype = DType::kF32) {
    std::vector<Tensor> tensors;
    std::vector<NamedTensor> named;
    uint64_t stream = 0;
    for (const TensorSpec& spec : table) {
      Rng rng(7, ++stream);
      tensors.push_back(random_tensor(spec, rng));
      named.push_back({spec.name, tensors.back().view()});
    }
    write_safetensors(path_ / "model.safetensors", named, dtype);
  }

  const std::filesystem::path& path() const { return path_; }
  const ModelConfig& config() const { return config_; }

 private:
  ModelConfig config_;
  std::filesystem::path path_;
};

// Pages for one sequence, filled with NaN: what is read before it is written shows.
class SequencePages {
 public:
  SequencePages(const KvLayout& layout, int64_t tokens) : layout_(layout) {
    const int64_t pages = layout.pages_for(tokens);
    const auto page_floats = static_cast<size_t>(layout.page_bytes()) / sizeof(float);
    memory_.assign(static_cast<size_t>(pages) * page_floats, std::nanf(""));
    for (int64_t i = pages - 1; i >= 0; --i) {
      pages_.push_back(
          reinterpret_cast<std::byte*>(memory_.data() + static_cast<size_t>(i) * page_floats));
    }
  }
  SequencePages(SequencePages&&) = default;

  KvView view() const { return {.layout = layout_, .pages = pages_}; }

 private:
  KvLayout layout_;
  std::vector<float> memory_;
  std::vector<std::byte*> pages_;
};

}  // namespace stapes::testing
