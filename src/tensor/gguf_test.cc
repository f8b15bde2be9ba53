#include "tensor/gguf.h"

#include <cstring>

#include "tensor/quantized.h"
#include "tensor/test_files.h"

namespace stapes {
namespace {

using testing::expect_error;
using testing::little_endian;
using testing::put;
using testing::TemporaryFolder;

std::string u32(uint32_t value) {
  return little_endian(value).substr(0, 4);
}
std::string text(const std::string& text) {
  return little_endian(text.size()) + text;
}
constexpr uint32_t kU32 = 4, kBool = 7, kString = 8, kArray = 9;

std::string tensor_info(const std::string& name, const std::vector<uint64_t>& dimensions,
                        uint32_t type, uint64_t offset) {
  std::string bytes = text(name) + u32(static_cast<uint32_t>(dimensions.size()));
  for (const uint64_t extent : dimensions) bytes += little_endian(extent);
  return bytes + u32(type) + little_endian(offset);
}

// The bytes of a GGUF file, however wrong it is; padded to 32 before the data.
std::string gguf_bytes(uint64_t keys, const std::string& metadata, uint64_t tensors,
                       const std::string& infos, const std::string& data, uint32_t version = 3) {
  std::string bytes =
      "GGUF" + u32(version) + little_endian(tensors) + little_endian(keys) + metadata + infos;
  bytes.resize((bytes.size() + 31) / 32 * 32);
  return bytes + data;
}

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

class GgufTest : public ::testing::Test {
 protected:
  std::filesystem::path write(const std::string& bytes) { return put(folder_ / "m.gguf", bytes); }
  void refused(ErrorCode code, std::vector<std::string> parts, const std::string& bytes) {
    const std::filesystem::path path = write(bytes);
    parts.push_back("m.gguf");
    expect_error(code, parts, [&] { GgufFile::open(path); });
  }
  void invalid(const std::vector<std::string>& parts, const std::string& bytes) {
    refused(ErrorCode::kInvalidModel, parts, bytes);
  }
  // A file with this one tensor info and 64 bytes of data.
  void invalid_tensor(const std::vector<std::string>& parts, const std::string& info,
                      uint64_t count = 1) {
    invalid(parts, gguf_bytes(0, "", count, info, std::string(64, 'x')));
  }
  TemporaryFolder folder_;
};

TEST_F(GgufTest, AFileWrittenByHandIsRead) {
  const std::string metadata = text("a.text") + u32(kString) + text("hello") + text("a.flag") +
                               u32(kBool) + '\1' + text("a.list") + u32(kArray) + u32(kString) +
                               little_endian(2) + text("x") + text("yz");
  const GgufFile file = GgufFile::open(write(
      gguf_bytes(3, metadata, 1, tensor_info("w", {3, 2}, 0, 0), floats({1, 2, 3, 4, 5, 6}))));
  EXPECT_EQ(*file.find_text("a.text"), "hello");
  EXPECT_EQ(file.find_text("b.text"), nullptr);
  EXPECT_EQ(std::get<bool>(file.metadata().at("a.flag")), true);
  EXPECT_EQ(std::get<GgufArray>(file.metadata().at("a.list")).count, 2U);
  const TensorView& view = file.tensors().at("w");
  EXPECT_EQ(view.shape, (Shape{2, 3}));  // the file has the innermost dimension first
  EXPECT_EQ(view.f32()[5], 6.0F);
  expect_error(ErrorCode::kInvalidModel, {"a.flag", "expected a text"},
               [&] { file.find_text("a.flag"); });
}

TEST_F(GgufTest, WhatIsWrittenIsReadBack) {
  const std::vector<float> norm = {1, 2, 3};
  const std::vector<float> matrix(16 * 64, 0.5F);
  const std::vector<std::byte> tiles = quantize_matrix(DType::kQ4_0, matrix, {16, 64});
  const GgufMetadata metadata = {{"t", std::string("text")},
                                 {"u", uint32_t{7}},
                                 {"f", 0.25F},
                                 {"b", true},
                                 {"i", int64_t{-1}},
                                 {"d", 1e300},
                                 {"l", uint64_t{1} << 40}};
  const std::vector<GgufTensor> tensors = {{"norm", DType::kF32, {3}},
                                           {"matrix", DType::kQ4_0, {16, 64}}};
  const auto path = folder_ / "out.gguf";
  write_gguf(path, metadata, tensors, [&](size_t i, const GgufSink& sink) {
    if (i == 0) return sink(std::as_bytes(std::span(norm)));
    sink(std::span(tiles).first(100));  // in pieces
    sink(std::span(tiles).subspan(100));
  });
  EXPECT_EQ(std::filesystem::file_size(path), gguf_file_bytes(metadata, tensors));

  const GgufFile file = GgufFile::open(path);
  EXPECT_EQ(std::get<uint32_t>(file.metadata().at("general.alignment")), 64U);
  for (const auto& [key, value] : metadata) {
    SCOPED_TRACE(key);
    EXPECT_EQ(file.metadata().at(key).index(), value.index());
    std::visit(
        [&](const auto& written) {
          using T = std::decay_t<decltype(written)>;
          if constexpr (!std::is_same_v<T, GgufArray>) {
            EXPECT_EQ(std::get<T>(file.metadata().at(key)), written);
          }
        },
        value);
  }
  EXPECT_EQ(file.tensors().at("norm").f32()[2], 3.0F);
  const TensorView& view = file.tensors().at("matrix");
  EXPECT_EQ(view.dtype, DType::kQ4_0);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(view.data) % 64, 0U);
  EXPECT_EQ(std::memcmp(view.data, tiles.data(), tiles.size()), 0);
  EXPECT_EQ(widened_to_f32(view), matrix);
}

TEST_F(GgufTest, AFailedWriteLeavesTheOldFile) {
  const auto path = put(folder_ / "out.gguf", "old");
  expect_error(ErrorCode::kCancelled, {"enough"}, [&] {
    write_gguf(path, {}, {{"w", DType::kF32, {2}}}, [](size_t, const GgufSink& sink) {
      const std::vector<float> half = {1};
      sink(std::as_bytes(std::span(half)));
      throw Error(ErrorCode::kCancelled, "enough");
    });
  });
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_.path()), {}), 1);
  expect_error(ErrorCode::kIo, {"no-folder"}, [&] {
    write_gguf(folder_ / "no-folder/out.gguf", {}, {}, [](size_t, const GgufSink&) {});
  });
}

TEST_F(GgufTest, EveryTruncationIsRefused) {
  const std::string whole =
      gguf_bytes(2,
                 text("a") + u32(kString) + text("hello") + text("b") + u32(kArray) + u32(kU32) +
                     little_endian(2) + u32(1) + u32(2),
                 1, tensor_info("w", {4}, 0, 0), floats({1, 2, 3, 4}));
  GgufFile::open(write(whole));
  for (size_t bytes = 0; bytes < whole.size(); ++bytes)
    invalid({bytes == 0 ? "expected 4 more bytes" : ""}, whole.substr(0, bytes));
}

TEST_F(GgufTest, OtherFilesAndVersionsAreRefused) {
  invalid({"begins with \"GGUF\""}, "PK\3\4 and more");
  refused(ErrorCode::kUnsupported, {"newer version 4"}, gguf_bytes(0, "", 0, "", "", 4));
  refused(ErrorCode::kUnsupported, {"older version 2"}, gguf_bytes(0, "", 0, "", "", 2));
  refused(ErrorCode::kUnsupported, {"big-endian"}, gguf_bytes(0, "", 0, "", "", 0x03000000));
}

TEST_F(GgufTest, LyingMetadataIsRefused) {
  constexpr uint64_t kHuge = ~uint64_t{0};
  invalid({"at most 65536 tensors"}, gguf_bytes(kHuge, "", 0, "", ""));
  invalid({"at most 65536 tensors"}, gguf_bytes(0, "", kHuge, "", ""));
  invalid({"key 1 of 1", "at most 65535 bytes"}, gguf_bytes(1, little_endian(kHuge), 0, "", ""));
  invalid({"\"a\"", "more bytes"},
          gguf_bytes(1, text("a") + u32(kString) + little_endian(kHuge), 0, "", ""));
  invalid({"\"a\"", "no metadata type 99"}, gguf_bytes(1, text("a") + u32(99), 0, "", ""));
  invalid({"\"a\"", "1 or 0, got 2"}, gguf_bytes(1, text("a") + u32(kBool) + '\2', 0, "", ""));
  invalid({"\"a\"", "has it twice"},
          gguf_bytes(2, text("a") + u32(kBool) + '\1' + text("a") + u32(kBool) + '\1', 0, "", ""));
  const std::string list = text("a") + u32(kArray);
  invalid({"\"a\"", "only"}, gguf_bytes(1, list + u32(kU32) + little_endian(kHuge), 0, "", ""));
  invalid({"\"a\"", "more bytes"},
          gguf_bytes(1, list + u32(kString) + little_endian(kHuge), 0, "", "xx"));
  invalid({"\"a\"", "array of a plain type, got type 9"},
          gguf_bytes(1, list + u32(kArray) + little_endian(1), 0, "", ""));
  for (const uint32_t alignment : {0U, 4U, 24U, 1U << 20})
    invalid({"general.alignment", "power of two"},
            gguf_bytes(1, text("general.alignment") + u32(kU32) + u32(alignment), 0, "", ""));
  invalid({"general.alignment"},
          gguf_bytes(1, text("general.alignment") + u32(kString) + text("64"), 0, "", ""));
}

TEST_F(GgufTest, LyingTensorsAreRefused) {
  constexpr uint64_t kHuge = ~uint64_t{0};
  invalid_tensor({"\"w\"", "1 to 4 dimensions, got 0"}, tensor_info("w", {}, 0, 0));
  invalid_tensor({"\"w\"", "1 to 4 dimensions, got 5"}, tensor_info("w", {1, 1, 1, 1, 1}, 0, 0));
  invalid_tensor({"\"w\"", "at least 1, got 0"}, tensor_info("w", {2, 0}, 0, 0));
  invalid_tensor({"\"w\"", "at least 1"}, tensor_info("w", {kHuge}, 0, 0));
  invalid_tensor({"\"w\"", "than can be counted"},
                 tensor_info("w", {uint64_t{1} << 40, uint64_t{1} << 40}, 0, 0));
  invalid_tensor({"\"w\"", "than can be counted"}, tensor_info("w", {uint64_t{1} << 62}, 0, 0));
  invalid_tensor({"\"w\"", "is it truncated"}, tensor_info("w", {17}, 0, 0));
  invalid_tensor({"\"w\"", "is it truncated"}, tensor_info("w", {1}, 0, uint64_t{1} << 62));
  invalid_tensor({"\"w\"", "beyond all files"}, tensor_info("w", {8}, 0, kHuge - 31));
  invalid_tensor({"\"w\"", "multiple of 32, got 16"}, tensor_info("w", {4}, 0, 16));
  invalid_tensor({"64 bytes, got 65"}, tensor_info(std::string(65, 'n'), {4}, 0, 0));
  invalid_tensor({"\"a\"", "\"b\"", "overlap"},
                 tensor_info("b", {8}, 0, 32) + tensor_info("a", {9}, 0, 0), 2);
  invalid_tensor({"\"w\"", "has it twice"},
                 tensor_info("w", {8}, 0, 32) + tensor_info("w", {8}, 0, 0), 2);
  invalid_tensor({"\"w\"", "tiles of 16 rows", "[8, 32]"}, tensor_info("w", {32, 8}, 2, 0));
  invalid_tensor({"\"w\"", "tiles of 16 rows"}, tensor_info("w", {33, 16}, 2, 0));
  invalid_tensor({"\"w\"", "tiles of 16 rows"}, tensor_info("w", {32}, 8, 0));
  refused(ErrorCode::kUnsupported, {"\"w\"", "lacks the GGUF tensor type 10"},
          gguf_bytes(0, "", 1, tensor_info("w", {256, 16}, 10, 0), std::string(64, 'x')));
  invalid_tensor({"\\u0007"}, tensor_info("\a", {17}, 0, 0));  // names are escaped
}

}  // namespace
}  // namespace stapes
