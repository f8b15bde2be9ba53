#include "bench/synthetic_model_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "spec/model_file.h"
#include "spec/tensor_table.h"
#include "tensor/gguf.h"

namespace stapes {
namespace {

// The tokenizer with a token for each row of the embedding: choosing among all of them takes its
// time, as it does in a real model. The new ones come of no text.
std::string with_all_tokens(const std::string& tokenizer_json, int64_t vocabulary) {
  nlohmann::json json = nlohmann::json::parse(tokenizer_json);
  int64_t next = 0;
  for (const auto& [text, id] : json.at("model").at("vocab").items())
    next = std::max(next, id.get<int64_t>() + 1);
  for (const auto& token : json.at("added_tokens"))
    next = std::max(next, token.at("id").get<int64_t>() + 1);
  for (; next < vocabulary; ++next) json["model"]["vocab"][fmt::format("unused{}", next)] = next;
  return json.dump();
}

}  // namespace

void write_synthetic_model(const std::filesystem::path& file, const std::string& shape,
                           const StorageTypes& types, const std::string& tokenizer_json,
                           ThreadPool& pool,
                           const std::function<void(uint64_t, uint64_t)>& progress) {
  const ModelConfig config = bench_config(shape);
  const std::vector<TensorSpec> table = tensor_table(config);
  std::vector<GgufTensor> stored;
  uint64_t all_bytes = 0;
  for (const TensorSpec& tensor : table) {
    stored.push_back({tensor.name, plan_tensor(tensor, types).dtype, tensor.shape});
    all_bytes += stored.back().size_bytes();
  }
  const GgufMetadata metadata = model_file_metadata(
      shape + " (random)", types.decoder, config,
      {.config_json = to_json(config),
       .tokenizer_json = with_all_tokens(tokenizer_json, config.decoder.vocabulary),
       .generation_config_json = {}});
  std::vector<std::byte> bytes;
  uint64_t done_bytes = 0;
  write_gguf(file, metadata, stored, [&](size_t i, const GgufSink& sink) {
    bytes.resize(stored[i].size_bytes());
    fill_synthetic(table[i], stored[i].dtype, i, pool, bytes);
    sink(bytes);
    done_bytes += bytes.size();
    if (progress) progress(done_bytes, all_bytes);
  });
}

}  // namespace stapes
