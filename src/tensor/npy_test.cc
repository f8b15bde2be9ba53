#include "tensor/npy.h"

#include <cstring>

#include "base/file.h"
#include "tensor/test_files.h"

namespace stapes {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// What numpy.lib.format says about version 1.0, read back byte by byte.
struct Npy {
  std::string dictionary;
  std::string data;
};

Npy parse(const std::string& bytes) {
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const size_t length =
      static_cast<uint8_t>(bytes.at(8)) + 256U * static_cast<uint8_t>(bytes.at(9));
  EXPECT_EQ((10 + length) % 64, 0U);
  return {bytes.substr(10, length), bytes.substr(10 + length)};
}

TEST(Npy, WritesFloatsInRowOrder) {
  const testing::TemporaryFolder folder;
  const std::vector<float> values = {1, 2, 3, 4, 5, -6.5F};
  write_npy(folder / "a.npy", std::span<const float>(values), {2, 3});
  const Npy npy = parse(read_file(folder / "a.npy"));
  EXPECT_THAT(npy.dictionary,
              StartsWith("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"));
  EXPECT_THAT(npy.dictionary, EndsWith("\n"));
  ASSERT_EQ(npy.data.size(), values.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(npy.data.data(), values.data(), npy.data.size()), 0);
  EXPECT_EQ(npy.data.substr(0, 4), std::string("\x00\x00\x80\x3f", 4));  // 1.0F, little-endian
}

TEST(Npy, WritesIntegersVectorsAndScalars) {
  const testing::TemporaryFolder folder;
  const std::vector<int64_t> ids = {151643, -1};
  write_npy(folder / "ids.npy", std::span<const int64_t>(ids), {2});
  const Npy npy = parse(read_file(folder / "ids.npy"));
  EXPECT_THAT(npy.dictionary, HasSubstr("'descr': '<i8'"));
  EXPECT_THAT(npy.dictionary, HasSubstr("'shape': (2,)"));
  EXPECT_EQ(npy.data, testing::little_endian(151643) + std::string(8, '\xff'));

  const std::vector<float> one = {1};
  write_npy(folder / "one.npy", std::span<const float>(one), {});
  EXPECT_THAT(parse(read_file(folder / "one.npy")).dictionary, HasSubstr("'shape': ()"));
  write_npy(folder / "none.npy", std::span<const float>(), {0, 3});
  EXPECT_EQ(parse(read_file(folder / "none.npy")).data, "");
}

TEST(Npy, AlignsTheDataForEveryHeaderLength) {
  const testing::TemporaryFolder folder;
  Shape shape;
  for (int dimensions = 0; dimensions < 40; ++dimensions, shape.push_back(1)) {
    const std::vector<float> one = {1};
    write_npy(folder / "a.npy", std::span<const float>(one), shape);
    EXPECT_EQ(parse(read_file(folder / "a.npy")).data.size(), 4U);
  }
}

TEST(Npy, SaysWhereItCannotWrite) {
  const std::vector<float> one = {1};
  const auto write = [&] { write_npy("no/such/folder/a.npy", std::span<const float>(one), {1}); };
  testing::expect_error(ErrorCode::kIo, {"no/such/folder/a.npy"}, write);
}

}  // namespace
}  // namespace stapes
