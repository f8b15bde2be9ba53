// The reader, against files made byte by byte: good ones, and every way to lie.
#include "tensor/safetensors.h"

#include <cstring>

#include "base/rng.h"
#include "tensor/test_files.h"

namespace stapes {
namespace {

using testing::expect_error;
using testing::put;
using testing::safetensors_bytes;
using testing::TemporaryFolder;

std::string bytes_of(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<float> elements(const TensorView& view) {
  return widened_to_f32(view);
}

TEST(Safetensors, ReadsTensorsAndMetadata) {
  const TemporaryFolder folder;
  const auto path =
      put(folder / "a.safetensors",
          safetensors_bytes(R"({"__metadata__":{"format":"pt"},)"
                            R"("b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]},)"
                            R"("a":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}}  )",
                            std::string("\x00\x3f\x00\xc0", 4) + bytes_of({1.5F, -3.0F})));
  const SafetensorsFile file = SafetensorsFile::open(path);
  EXPECT_EQ(file.path(), path);
  EXPECT_THAT(file.metadata(), ::testing::ElementsAre(::testing::Pair("format", "pt")));
  ASSERT_EQ(file.tensors().size(), 2U);
  const TensorView& a = file.tensors().at("a");
  EXPECT_EQ(a.dtype, DType::kBF16);
  EXPECT_EQ(a.shape, (Shape{1, 2}));
  EXPECT_THAT(elements(a), ::testing::ElementsAre(0.5F, -2.0F));
  EXPECT_THAT(elements(file.tensors().at("b")), ::testing::ElementsAre(1.5F, -3.0F));
}

TEST(Safetensors, ReadsEmptyTensorsScalarsAndNoTensors) {
  const TemporaryFolder folder;
  put(folder / "a.safetensors",
      safetensors_bytes(R"({"e":{"dtype":"F32","shape":[0,4],"data_offsets":[0,0]},)"
                        R"("s":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                        R"("z":{"dtype":"F16","shape":[0],"data_offsets":[4,4]}})",
                        bytes_of({2.0F})));
  const SafetensorsFile file = SafetensorsFile::open(folder / "a.safetensors");
  EXPECT_THAT(elements(file.tensors().at("e")), ::testing::IsEmpty());
  EXPECT_THAT(elements(file.tensors().at("z")), ::testing::IsEmpty());
  EXPECT_THAT(elements(file.tensors().at("s")), ::testing::ElementsAre(2.0F));
  put(folder / "none.safetensors", safetensors_bytes("{}"));
  EXPECT_TRUE(SafetensorsFile::open(folder / "none.safetensors").tensors().empty());
}

TEST(Safetensors, AlignsTensorsThatTheFileDoesNot) {
  const TemporaryFolder folder;
  for (size_t padding = 0; padding < 8; ++padding) {  // every alignment of the data section
    const std::string header = R"({"u":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                               R"("f":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})" +
                               std::string(padding, ' ');
    put(folder / "a.safetensors", safetensors_bytes(header, "x" + bytes_of({1.5F, -3.0F})));
    SafetensorsFile file = SafetensorsFile::open(folder / "a.safetensors");
    const SafetensorsFile moved = std::move(file);  // views must survive a move
    EXPECT_THAT(moved.tensors().at("f").f32(), ::testing::ElementsAre(1.5F, -3.0F));
  }
}

struct BadFile {
  const char* name;
  std::string bytes;
  std::vector<std::string> message;
};
void PrintTo(const BadFile& file, std::ostream* out) {
  *out << file.name;
}

// An F32 tensor "w" with these JSON values, in a file of 8 bytes of data.
BadFile bad_tensor(const char* name, const std::string& info, std::vector<std::string> message) {
  message.emplace_back("tensor \"w\"");
  return {name, safetensors_bytes("{\"w\":" + info + "}", std::string(8, '\0')),
          std::move(message)};
}

std::string info(const std::string& shape, const std::string& offsets,
                 const std::string& dtype = "\"F32\"") {
  return R"({"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

std::vector<BadFile> bad_headers() {
  using testing::little_endian;
  const std::string good = info("[2]", "[0,8]");
  return {
      {"Empty", "", {"has only 0 bytes"}},
      {"SevenBytes", "1234567", {"has only 7 bytes"}},
      {"HeaderBeyondFile", little_endian(100) + "{}", {"100 bytes", "only 2 bytes", "truncated"}},
      {"HeaderOver100MB", little_endian(100'000'001) + "{}", {"at most 100000000", "100000001"}},
      {"HeaderLength2To64", little_endian(~uint64_t{0}) + "{}", {"18446744073709551615"}},
      {"HeaderEmpty", safetensors_bytes(""), {"not JSON"}},
      {"NotJson", safetensors_bytes("RIFF...."), {"not JSON (at its byte 1)"}},
      {"TrailingJson", safetensors_bytes("{}{}"), {"not JSON"}},
      {"NotUtf8", safetensors_bytes("{\"\xff\":" + good + "}"), {"not JSON"}},
      {"Array", safetensors_bytes("[]"), {"expected the header to be a JSON object, got array"}},
      {"HugeNumber", safetensors_bytes(R"({"w":1e999})"), {"number out of all range"}},
      {"DeepObjects", safetensors_bytes(R"({"a":{"b":{"c":{}}}})"), {"nested deeper than 3"}},
      {"LongArray",
       safetensors_bytes("{\"w\":" + info("[1,1,1,1,1,1,1,1,1]", "[0,4]") + "}", "1234"),
       {"array of more than 8"}},
      {"DuplicateTensor",
       safetensors_bytes("{\"w\":" + good + ",\"w\":" + good + "}", std::string(8, '\0')),
       {"has \"w\" twice"}},
      {"DuplicateField",
       safetensors_bytes(R"({"w":{"dtype":"F32","dtype":"F16"}})"),
       {"has \"dtype\" twice"}},
      {"MetadataNotObject", safetensors_bytes(R"({"__metadata__":3})"), {"__metadata__", "number"}},
      {"MetadataNotString",
       safetensors_bytes(R"({"__metadata__":{"a":3}})"),
       {"__metadata__ \"a\" to be a string, got number"}},
  };
}

std::vector<BadFile> bad_tensors() {
  return {
      bad_tensor("InfoNotObject", "3", {"expected an object, got number"}),
      bad_tensor("InfoEmpty", "{}", {"dtype is missing"}),
      bad_tensor("NoShape", R"({"dtype":"F32","data_offsets":[0,8]})", {"shape is missing"}),
      bad_tensor("DTypeUnknown", info("[2]", "[0,8]", "\"F64\""), {"F32, F16", "\"F64\""}),
      bad_tensor("DTypeNumber", info("[2]", "[0,8]", "7"), {"dtype to be a string, got number"}),
      bad_tensor("ShapeNumber", info("2", "[0,8]"), {"shape to be an array, got number"}),
      bad_tensor("ShapeNegative", info("[-2]", "[0,8]"), {"shape, got -2"}),
      bad_tensor("ShapeFraction", info("[2.5]", "[0,8]"), {"shape, got 2.5"}),
      bad_tensor("ShapeString", info("[\"2\"]", "[0,8]"), {"shape, got string"}),
      bad_tensor("ShapeNull", info("[null]", "[0,8]"), {"shape, got null"}),
      bad_tensor("ShapeTooLarge", info("[9223372036854775808]", "[0,8]"), {"9223372036854775808"}),
      bad_tensor("ShapeOverflows", info("[4294967296,4294967296]", "[0,8]"), {"can be counted"}),
      bad_tensor("BytesOverflow", info("[4611686018427387904]", "[0,8]"), {"can be counted"}),
      bad_tensor("OverflowsBeforeZero", info("[4294967296,4294967296,0]", "[0,0]"),
                 {"can be counted"}),
      bad_tensor("OffsetsOne", info("[2]", "[8]"), {"two numbers, got 1"}),
      bad_tensor("OffsetsThree", info("[2]", "[0,4,8]"), {"two numbers, got 3"}),
      bad_tensor("OffsetsNegative", info("[2]", "[-8,0]"), {"data_offsets, got -8"}),
      bad_tensor("OffsetsReversed", info("[2]", "[8,0]"), {"backwards: [8, 0]"}),
      bad_tensor("OffsetsOutside", info("[3]", "[0,12]"), {"[0, 12]", "8 bytes of data"}),
      bad_tensor("OffsetsHuge", info("[2]", "[9223372036854775800,9223372036854775807]"),
                 {"beyond the file"}),
      bad_tensor("ShapeTooSmallForOffsets", info("[1]", "[0,8]"), {"needs 4 bytes", "hold 8"}),
      bad_tensor("ShapeTooLargeForOffsets", info("[3]", "[0,8]"), {"[3] of F32 needs 12 bytes"}),
      bad_tensor("GapAtStart", info("[1]", "[4,8]"), {"4 bytes before"}),
  };
}

std::vector<BadFile> bad_tilings() {
  const auto two = [](const std::string& a, const std::string& b, size_t data_bytes) {
    return safetensors_bytes("{\"a\":" + a + ",\"b\":" + b + "}", std::string(data_bytes, '\0'));
  };
  return {
      {"Overlap",
       two(info("[2]", "[0,8]"), info("[2]", "[4,12]"), 12),
       {"\"a\" [0, 8] and \"b\" [4, 12] overlap"}},
      {"SameBytes", two(info("[2]", "[0,8]"), info("[2]", "[0,8]"), 8), {"overlap"}},
      {"EmptyInsideAnother",
       two(info("[2]", "[0,8]"), info("[0]", "[4,4]"), 8),
       {"\"a\"", "\"b\"", "overlap"}},
      {"Gap",
       two(info("[1]", "[0,4]"), info("[1]", "[8,12]"), 12),
       {"4 bytes before tensor \"b\""}},
      {"Trailing", two(info("[1]", "[0,4]"), info("[1]", "[4,8]"), 11), {"3 bytes at the end"}},
      {"DataWithoutTensors", safetensors_bytes("{}", "1234"), {"4 bytes at the end"}},
  };
}

class BadSafetensors : public ::testing::TestWithParam<BadFile> {};

TEST_P(BadSafetensors, IsAPlainErrorThatNamesTheFile) {
  const TemporaryFolder folder;
  const auto path = put(folder / "bad.safetensors", GetParam().bytes);
  std::vector<std::string> message = GetParam().message;
  message.push_back(path.string());
  expect_error(ErrorCode::kInvalidModel, message, [&] { SafetensorsFile::open(path); });
}

const auto kNameOf = [](const auto& instance) { return instance.param.name; };
INSTANTIATE_TEST_SUITE_P(Headers, BadSafetensors, ::testing::ValuesIn(bad_headers()), kNameOf);
INSTANTIATE_TEST_SUITE_P(Tensors, BadSafetensors, ::testing::ValuesIn(bad_tensors()), kNameOf);
INSTANTIATE_TEST_SUITE_P(Tilings, BadSafetensors, ::testing::ValuesIn(bad_tilings()), kNameOf);

// Not one of the above: its bytes would be made for each of them.
TEST(Safetensors, FiftyMillionBracketsAreAnError) {
  const TemporaryFolder folder;
  const auto path =
      put(folder / "bad.safetensors", safetensors_bytes(std::string(50'000'000, '[')));
  expect_error(ErrorCode::kInvalidModel, {"nested deeper than 3", path.string()},
               [&] { SafetensorsFile::open(path); });
}

TEST(Safetensors, EveryTruncationIsAnError) {
  const TemporaryFolder folder;
  const std::string whole =
      safetensors_bytes("{\"w\":" + info("[2]", "[0,8]") + "}", std::string(8, 'x'));
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto path = put(folder / "cut.safetensors", whole.substr(0, size));
    expect_error(ErrorCode::kInvalidModel, {path.string()}, [&] { SafetensorsFile::open(path); });
  }
}

TEST(Safetensors, MessagesStayShortAndPrintable) {
  const TemporaryFolder folder;
  const std::string name = "\\u001b[31m" + std::string(100'000, 'n');
  const auto path = put(folder / "a.safetensors", safetensors_bytes("{\"" + name + "\":3}"));
  try {
    SafetensorsFile::open(path);
    FAIL();
  } catch (const Error& error) {
    EXPECT_LT(std::strlen(error.what()), 500U);
    EXPECT_EQ(std::string(error.what()).find('\x1b'), std::string::npos);
  }
}

TEST(Safetensors, SaysWhenThereIsNoFile) {
  const TemporaryFolder folder;
  expect_error(ErrorCode::kNotFound, {"none.safetensors"},
               [&] { SafetensorsFile::open(folder / "none.safetensors"); });
  expect_error(ErrorCode::kIo, {"directory"}, [&] { SafetensorsFile::open(folder.path()); });
}

// Random damage to a good file: an Error or a readable file, never a crash.
TEST(Safetensors, SurvivesRandomDamage) {
  const TemporaryFolder folder;
  const std::string good = safetensors_bytes(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
      R"("b.weight":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]},)"
      R"("c":{"dtype":"I64","shape":[],"data_offsets":[22,30]}})",
      std::string(30, 'x'));
  const std::string alphabet =
      "{}[]\",:0123456789-.eE\\ \x00\xff"
      "FBIU";
  int readable = 0;
  int refused = 0;
  int64_t sum = 0;  // of every byte that a view promises
  for (uint64_t round = 0; round < 4000; ++round) {
    Rng rng(7, round);
    std::string bytes = good;
    for (int64_t edits = rng.integer(1, 4); edits > 0 && !bytes.empty(); --edits) {
      const auto at = static_cast<size_t>(rng.integer(0, static_cast<int64_t>(bytes.size()) - 1));
      switch (rng.integer(0, 4)) {
        case 0:
          bytes[at] = static_cast<char>(rng.integer(0, 255));
          break;
        case 1:
          bytes[at] = rng.pick(alphabet);
          break;
        case 2:
          bytes.erase(at, static_cast<size_t>(rng.integer(1, 8)));
          break;
        case 3:
          bytes.insert(at, bytes.substr(at / 2, static_cast<size_t>(rng.integer(1, 40))));
          break;
        default:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.integer(0, 7)));
      }
    }
    put(folder / "a.safetensors", bytes);
    try {
      const SafetensorsFile file = SafetensorsFile::open(folder / "a.safetensors");
      for (const auto& [name, view] : file.tensors())
        for (size_t i = 0; i < view.size_bytes(); ++i)
          sum += std::to_integer<int64_t>(view.data[i]);
      ++readable;
    } catch (const Error& error) {
      EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(ErrorCode::kInvalidModel));
      ++refused;
    }
  }
  EXPECT_GT(readable, 100);  // damage to the data or to a name is no error
  EXPECT_GT(refused, 1000);
  EXPECT_GT(sum, 0);
}

}  // namespace
}  // namespace stapes
