// gguf_seeds FOLDER: small valid files for the fuzzer to begin with, one for each kind of tensor.
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "spec/model_file.h"
#include "tensor/gguf.h"

int main(int argc, char** argv) {
  using namespace stapes;
  if (argc != 2) {
    std::fprintf(stderr, "gguf_seeds: expected one folder, got %d\n", argc - 1);
    return 64;
  }
  const std::filesystem::path folder = argv[1];
  std::filesystem::create_directories(folder);
  const GgufMetadata metadata = model_file_metadata(
      "seed", DType::kQ4_0, config_like("tiny"),
      {.config_json = "{}", .tokenizer_json = "{}", .generation_config_json = "{}"});
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kI64, DType::kQ8_0,
                            DType::kQ4_0, DType::kQ4_K, DType::kQ6_K}) {
    const Shape shape = is_quantized(dtype) ? Shape{16, 256} : Shape{2, 3, 4};
    const std::vector<GgufTensor> tensors = {{"a.weight", dtype, shape},
                                             {"b.weight", DType::kF32, {5}}};
    write_gguf(folder / (std::string(name(dtype)) + ".gguf"), metadata, tensors,
               [&](size_t i, const GgufSink& sink) {
                 sink(std::vector<std::byte>(tensors[i].size_bytes(), std::byte{0x35}));
               });
  }
  return 0;
}
