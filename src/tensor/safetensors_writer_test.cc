#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/rng.h"
#include "tensor/safetensors.h"
#include "tensor/test_files.h"

namespace stapes {
namespace {

using testing::expect_error;
using testing::TemporaryFolder;

Tensor random_tensor(Shape shape, uint64_t seed) {
  Tensor tensor(std::move(shape));
  Rng rng(seed);
  for (float& value : tensor.values()) value = static_cast<float>(rng.normal());
  return tensor;
}

std::vector<float> values_of(const Tensor& tensor) {
  return {tensor.values().begin(), tensor.values().end()};
}

TEST(WriteSafetensors, ComesBackBitForBitInF32) {
  const TemporaryFolder folder;
  const Tensor a = random_tensor({3, 5}, 1);
  const Tensor b = random_tensor({7}, 2);
  write_safetensors(folder / "m.safetensors", {{"z", a.view()}, {"b", b.view()}}, DType::kF32,
                    {{"format", "pt"}});
  const SafetensorsFile file = SafetensorsFile::open(folder / "m.safetensors");
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.tensors().at("z").shape, (Shape{3, 5}));
  EXPECT_EQ(widened_to_f32(file.tensors().at("z")), values_of(a));
  EXPECT_EQ(widened_to_f32(file.tensors().at("b")), values_of(b));
}

TEST(WriteSafetensors, KeepsTheOrderAndAlignsTheData) {
  const TemporaryFolder folder;
  for (size_t length = 1; length <= 9; ++length) {
    const std::string first(length, 'z');
    write_safetensors(folder / "m.safetensors",
                      {{first, Tensor({1}).view()}, {"a", Tensor({2}).view()}}, DType::kF32);
    const std::string bytes = read_file(folder / "m.safetensors");
    uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, bytes.data(), 8);
    EXPECT_EQ(header_bytes % 8, 0U);
    const auto header = nlohmann::ordered_json::parse(bytes.substr(8, header_bytes));
    EXPECT_EQ(header.begin().key(), first);
    EXPECT_EQ(header[first]["data_offsets"].dump(), "[0,4]");
    EXPECT_EQ(header["a"]["data_offsets"].dump(), "[4,12]");
    EXPECT_FALSE(header.contains("__metadata__"));
  }
}

TEST(WriteSafetensors, ConvertsBetweenAllFloatTypes) {
  const TemporaryFolder folder;
  const Tensor source = random_tensor({300'000}, 3);  // more than one chunk
  const std::vector<DType> dtypes = {DType::kF32, DType::kF16, DType::kBF16};
  for (const DType from : dtypes) {
    write_safetensors(folder / "from.safetensors", {{"w", source.view()}}, from);
    const SafetensorsFile stored = SafetensorsFile::open(folder / "from.safetensors");
    const TensorView& view = stored.tensors().at("w");
    ASSERT_EQ(view.dtype, from);
    const std::vector<float> values = widened_to_f32(view);
    for (const DType to : dtypes) {
      write_safetensors(folder / "to.safetensors", {{"w", view}}, to);
      const SafetensorsFile file = SafetensorsFile::open(folder / "to.safetensors");
      ASSERT_EQ(file.tensors().at("w").dtype, to);
      const std::vector<float> got = widened_to_f32(file.tensors().at("w"));
      ASSERT_EQ(got.size(), values.size());
      for (size_t i = 0; i < got.size(); ++i) {
        const float expected = to == DType::kF32   ? values[i]
                               : to == DType::kF16 ? f16_to_f32(f32_to_f16(values[i]))
                                                   : bf16_to_f32(f32_to_bf16(values[i]));
        ASSERT_EQ(got[i], expected) << name(from) << " to " << name(to) << " at " << i;
      }
    }
  }
}

TEST(WriteSafetensors, WritesEmptyTensorsAndNone) {
  const TemporaryFolder folder;
  write_safetensors(folder / "m.safetensors", {{"e", Tensor({0, 3}).view()}}, DType::kBF16);
  EXPECT_EQ(SafetensorsFile::open(folder / "m.safetensors").tensors().at("e").shape, (Shape{0, 3}));
  write_safetensors(folder / "m.safetensors", {}, DType::kBF16);
  EXPECT_TRUE(SafetensorsFile::open(folder / "m.safetensors").tensors().empty());
}

TEST(WriteSafetensors, RefusesWhatF16CannotHoldAndKeepsTheOldFile) {
  const TemporaryFolder folder;
  testing::put(folder / "m.safetensors", "old");
  Tensor tensor({2});
  tensor.values()[1] = 70000.0F;
  expect_error(ErrorCode::kUnsupported, {"tensor w", "70000", "F16"}, [&] {
    write_safetensors(folder / "m.safetensors", {{"w", tensor.view()}}, DType::kF16);
  });
  EXPECT_EQ(read_file(folder / "m.safetensors"), "old");
  tensor.values()[1] = -std::numeric_limits<float>::infinity();  // infinity itself is kept
  write_safetensors(folder / "m.safetensors", {{"w", tensor.view()}}, DType::kF16);
}

TEST(WriteSafetensors, SaysWhereItCannotWrite) {
  expect_error(ErrorCode::kIo, {"no/such/folder/m.safetensors"},
               [] { write_safetensors("no/such/folder/m.safetensors", {}, DType::kF32); });
}

// In a child process, whose files may not grow beyond 64 KiB: as on a full disk, writes fail
// half way. Returns what the child found.
int write_in_a_full_child(const std::filesystem::path& path) {
  const Tensor tensor = random_tensor({1 << 20}, 4);
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{1 << 16, 1 << 16};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, SIG_IGN);
    int found = 3;  // nothing was thrown
    try {
      write_safetensors(path, {{"w", tensor.view()}}, DType::kF32);
    } catch (const Error& error) {
      const bool named = std::string(error.what()).find(path.string()) != std::string::npos;
      found = error.code() == ErrorCode::kIo && named ? 0 : 1;
    } catch (...) {
      found = 2;
    }
    ::_exit(found);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(WriteSafetensors, AFullDiskLeavesTheOldFileAndNothingElse) {
  const TemporaryFolder folder;
  testing::put(folder / "m.safetensors", "old");
  EXPECT_EQ(write_in_a_full_child(folder / "m.safetensors"), 0);
  EXPECT_EQ(read_file(folder / "m.safetensors"), "old");
  const std::filesystem::directory_iterator files(folder.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(WriteSafetensorsDeathTest, RefusesOurOwnMistakes) {
  const Tensor tensor({1});
  EXPECT_DEATH(write_safetensors("x", {{"w", tensor.view()}, {"w", tensor.view()}}, DType::kF32),
               "tensor w is written twice");
  EXPECT_DEATH(write_safetensors("x", {}, DType::kI64), "I64");
}

}  // namespace
}  // namespace stapes
