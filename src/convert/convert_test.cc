// One tensor's conversion, and a whole small model.
#include <cmath>
#include <cstring>
#include <limits>

#include "base/file.h"
#include "base/rng.h"
#include "convert/quantize_model.h"
#include "convert/tensor_writer.h"
#include "tensor/quantized.h"
#include "tensor/test_files.h"

namespace stapes {
namespace {

using testing::expect_error;
using testing::TemporaryFolder;

struct Converted {
  std::vector<std::byte> bytes;
  ConversionError error;
};

Converted convert(const Tensor& tensor, DType dtype, int threads = 2) {
  Converted result;
  ThreadPool pool(threads);
  result.error = write_converted(
      tensor.view(), dtype, "file: tensor w", pool,
      [&](std::span<const std::byte> bytes) {
        result.bytes.insert(result.bytes.end(), bytes.begin(), bytes.end());
      },
      [](std::span<const std::byte>) { return true; });
  return result;
}

Tensor random_matrix(int64_t rows, int64_t columns) {
  Tensor tensor({rows, columns});
  Rng rng(4);
  for (float& value : tensor.values()) value = static_cast<float>(rng.normal());
  return tensor;
}

TEST(WriteConverted, BatchesAndThreadsDoNotShow) {
  // Some batches, the last of which is short.
  const Tensor tensor = random_matrix(16 * 300, 2048);
  for (const DType dtype : {DType::kQ8_0, DType::kBF16}) {
    const Converted converted = convert(tensor, dtype);
    EXPECT_EQ(converted.bytes, convert(tensor, dtype, 1).bytes);
    const TensorView view{dtype, tensor.shape(), converted.bytes.data()};
    ASSERT_EQ(converted.bytes.size(), view.size_bytes());
    if (is_quantized(dtype)) {
      EXPECT_TRUE(converted.bytes == quantize_matrix(dtype, tensor.values(), tensor.shape()));
    } else {
      EXPECT_EQ(widened_to_f32(view).back(), bf16_to_f32(f32_to_bf16(tensor.values().back())));
    }
  }
}

TEST(WriteConverted, TheErrorIsThatOfWhatWasStored) {
  const Tensor tensor = random_matrix(32, 256);
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0,
                            DType::kQ4_K, DType::kQ6_K}) {
    const Converted converted = convert(tensor, dtype);
    const std::vector<float> stored =
        widened_to_f32({dtype, tensor.shape(), converted.bytes.data()});
    double error = 0, sum = 0, largest = 0;
    for (size_t i = 0; i < stored.size(); ++i) {
      const double off = std::abs(static_cast<double>(stored[i]) - tensor.values()[i]);
      error += off * off;
      sum += std::pow(static_cast<double>(tensor.values()[i]), 2);
      largest = std::max(largest, off);
    }
    EXPECT_NEAR(converted.error.relative_rms(), std::sqrt(error / sum), 1e-9) << name(dtype);
    EXPECT_EQ(converted.error.largest_error, largest) << name(dtype);
  }
  EXPECT_EQ(convert(tensor, DType::kF32).error.largest_error, 0);
  EXPECT_EQ(convert(Tensor({16, 32}), DType::kQ8_0).error.relative_rms(), 0);
}

TEST(WriteConverted, ValuesThatCannotBeStoredAreRefused) {
  Tensor tensor = random_matrix(16, 32);
  tensor.values()[100] = 70000;
  expect_error(ErrorCode::kUnsupported, {"file: tensor w", "F16 cannot hold the value 70000"},
               [&] { convert(tensor, DType::kF16); });
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    tensor.values()[100] = bad;
    for (const DType dtype : {DType::kQ4_0, DType::kBF16, DType::kF32})
      expect_error(ErrorCode::kInvalidModel, {"file: tensor w", "expected finite values"},
                   [&] { convert(tensor, dtype); });
  }
}

TEST(QuantizeModel, IsCancelledWithoutATrace) {
  const TemporaryFolder folder;
  const ModelSource model = ModelSource::open(std::string(STAPES_SOURCE_DIR) + "/models/tiny");
  uint64_t calls = 0;
  expect_error(ErrorCode::kCancelled, {"interrupted"}, [&] {
    quantize_model(model, folder / "out.gguf", {.type = DType::kQ4_0, .threads = 1},
                   [&](uint64_t done, uint64_t total) {
                     EXPECT_LE(done, total);
                     return ++calls < 50;
                   });
  });
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(QuantizeModel, TheFileHoldsTheWholeModel) {
  const TemporaryFolder folder;
  const std::filesystem::path original = std::string(STAPES_SOURCE_DIR) + "/models/tiny";
  uint64_t last = 0;
  const QuantizeReport report = quantize_model(
      ModelSource::open(original), folder / "out.gguf", {.type = DType::kQ4_K, .threads = 2},
      [&](uint64_t done, uint64_t) { return (last = done) > 0; });
  EXPECT_EQ(last, report.original_bytes);
  EXPECT_EQ(report.file_bytes, std::filesystem::file_size(folder / "out.gguf"));

  const ModelSource file = ModelSource::open(folder / "out.gguf");
  EXPECT_EQ(file.config_json().text, read_file(original / "config.json"));
  EXPECT_EQ(file.tokenizer_json().text, read_file(original / "tokenizer.json"));
  EXPECT_EQ(file.generation_config_json()->text, read_file(original / "generation_config.json"));
  const ModelTensors stored = file.tensors();
  const ModelTensors originals = ModelTensors::open(original);
  check_tensors(stored, tensor_table(file.config()));
  for (const QuantizedTensor& tensor : report.tensors) {
    const TensorSpec& spec = tensor.plan.spec;
    const TensorView& view = stored.require(spec.name, spec.shape);
    EXPECT_EQ(view.dtype, tensor.plan.dtype) << spec.name;
    const std::vector<float> ours = widened_to_f32(view);
    const std::vector<float> theirs = widened_to_f32(originals.require(spec.name, spec.shape));
    double largest = 0;
    for (size_t i = 0; i < ours.size(); ++i)
      largest = std::max(largest, std::abs(static_cast<double>(ours[i]) - theirs[i]));
    EXPECT_EQ(largest, tensor.error.largest_error) << spec.name;
  }
}

}  // namespace
}  // namespace stapes
