#include "convert/quantize_model.h"

#include <system_error>

#include "base/fail.h"
#include "base/file.h"
#include "base/memory_pages.h"
#include "spec/model_file.h"
#include "spec/tensor_table.h"
#include "tensor/gguf.h"

namespace stapes {
namespace fs = std::filesystem;
namespace {

// A name for people: the folder's or the file's.
std::string model_name(const fs::path& model) {
  const fs::path whole = fs::absolute(model).lexically_normal();
  // A path that ends in a slash has an empty file name.
  return (whole.has_filename() ? whole : whole.parent_path()).stem().string();
}

ModelTexts texts_of(const ModelSource& model) {
  ModelTexts texts{.config_json = model.config_json().text,
                   .tokenizer_json = model.tokenizer_json().text,
                   .generation_config_json = {}};
  if (auto generation = model.generation_config_json())
    texts.generation_config_json = std::move(generation->text);
  return texts;
}

void check_not_quantized(const ModelTensors& tensors) {
  for (const auto& [tensor, view] : tensors.tensors())
    if (is_quantized(view.dtype))
      fail(ErrorCode::kUnsupported,
           "{}: tensor {} is {} already: quantize the original, or the errors add up",
           tensors.file_of(tensor).string(), tensor, name(view.dtype));
}

void check_space(const fs::path& file, uint64_t bytes) {
  const fs::path folder = fs::absolute(file).parent_path();
  std::error_code error;
  if (!fs::is_directory(folder, error))
    fail(ErrorCode::kNotFound, "expected a folder to write {} into, but {} is none", file.string(),
         folder.string());
  const fs::space_info space = fs::space(folder, error);
  if (!error && space.available < bytes)
    fail(ErrorCode::kIo, "{} needs {} bytes, but only {} are free in {}", file.string(), bytes,
         space.available, folder.string());
}

}  // namespace

QuantizeReport quantize_model(const ModelSource& model, const fs::path& file,
                              const QuantizeOptions& options, const QuantizeProgress& progress) {
  const ModelConfig config = model.config();
  const std::vector<TensorSpec> table = tensor_table(config);
  const ModelTensors originals = model.tensors();
  check_tensors(originals, table);
  check_not_quantized(originals);

  QuantizeReport report;
  std::vector<GgufTensor> stored;
  for (PlannedTensor& planned : plan_tensors(table, StorageTypes::of_file(options.type))) {
    const TensorView& original = originals.require(planned.spec.name, planned.spec.shape);
    report.original_bytes += original.size_bytes();
    stored.push_back({planned.spec.name, planned.dtype, planned.spec.shape});
    report.tensors.push_back({.plan = std::move(planned),
                              .original = original.dtype,
                              .size_bytes = stored.back().size_bytes(),
                              .error = {}});
  }
  const GgufMetadata metadata =
      model_file_metadata(model_name(model.path()), options.type, config, texts_of(model));
  report.file_bytes = gguf_file_bytes(metadata, stored);
  check_space(file, report.file_bytes);

  ThreadPool threads(options.threads);
  uint64_t done_bytes = 0;
  const auto batch_done = [&](std::span<const std::byte> original) {
    release_pages(original);  // `originals` is ours alone, and none of it is read twice
    done_bytes += original.size();
    return progress(done_bytes, report.original_bytes);
  };
  write_gguf(file, metadata, stored, [&](size_t i, const GgufSink& sink) {
    QuantizedTensor& tensor = report.tensors[i];
    const std::string& tensor_name = tensor.plan.spec.name;
    tensor.error = write_converted(
        originals.require(tensor_name, tensor.plan.spec.shape), tensor.plan.dtype,
        fmt::format("{}: tensor {}", originals.file_of(tensor_name).string(), tensor_name), threads,
        sink, batch_done);
  });
  return report;
}

}  // namespace stapes
