#include "bench/synthetic_model_file.h"

#include <vector>

#include "spec/model_file.h"
#include "spec/tensor_table.h"
#include "tensor/gguf.h"

namespace stapes {

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
  const GgufMetadata metadata = model_file_metadata(shape + " (random)", types.decoder, config,
                                                    {.config_json = to_json(config),
                                                     .tokenizer_json = tokenizer_json,
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
