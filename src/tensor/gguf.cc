// Reading. Writing: gguf_writer.cc.
#include "tensor/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#include "base/fail.h"
#include "tensor/gguf_types.h"
#include "tensor/quantized.h"
#include "tensor/quoted_name.h"

namespace stapes {
namespace fs = std::filesystem;
namespace {

constexpr uint64_t kMaxKeys = 65536;
constexpr uint64_t kMaxTensors = 65536;
constexpr uint64_t kMaxKeyBytes = 65535;  // the format's own limit
constexpr uint64_t kMaxNameBytes = 64;    // the format's own limit
constexpr uint32_t kMaxDimensions = 4;    // the format's own limit
constexpr uint32_t kDefaultAlignmentBytes = 32;
constexpr uint32_t kMaxAlignmentBytes = 1 << 16;

// Reads the file from its beginning; every sentence names the file and what was being read.
class Cursor {
 public:
  Cursor(const fs::path& path, std::span<const std::byte> bytes) : path_(path), bytes_(bytes) {}

  // What is read from here on, for messages: `key "general.name"`.
  void now_reading(std::string what) { what_ = std::move(what); }
  size_t position() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }

  template <typename... Args>
  [[noreturn]] void refuse(ErrorCode code, fmt::format_string<Args...> format,
                           Args&&... args) const {
    fail(code, "{}: {}: {}", path_.string(), what_,
         fmt::format(format, std::forward<Args>(args)...));
  }

  std::span<const std::byte> take(uint64_t count) {
    if (count > left())
      refuse(ErrorCode::kInvalidModel,
             "expected {} more bytes, but only {} follow (is the file truncated?)", count, left());
    const auto taken = bytes_.subspan(at_, static_cast<size_t>(count));
    at_ += taken.size();
    return taken;
  }

  template <typename Number>
  Number number() {
    Number value{};
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string text(uint64_t max_bytes) {
    const auto length = number<uint64_t>();
    if (length > max_bytes)
      refuse(ErrorCode::kInvalidModel, "expected a text of at most {} bytes, got {}", max_bytes,
             length);
    const auto bytes = take(length);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

 private:
  const fs::path& path_;
  std::span<const std::byte> bytes_;
  size_t at_ = 0;
  std::string what_ = "header";
};

struct Counts {
  uint64_t tensors = 0;
  uint64_t keys = 0;
};

Counts read_header(Cursor& cursor) {
  const auto magic = cursor.take(4);
  if (std::memcmp(magic.data(), kGgufMagic, 4) != 0)
    cursor.refuse(ErrorCode::kInvalidModel, "expected a GGUF file, which begins with \"GGUF\"");
  const auto version = cursor.number<uint32_t>();
  if ((version & 0xffffU) == 0)
    cursor.refuse(ErrorCode::kUnsupported, "this GGUF file is big-endian");
  if (version != kGgufVersion)
    cursor.refuse(ErrorCode::kUnsupported, "expected GGUF version {}, got the {} version {}",
                  kGgufVersion, version > kGgufVersion ? "newer" : "older", version);
  Counts counts;
  counts.tensors = cursor.number<uint64_t>();
  counts.keys = cursor.number<uint64_t>();
  if (counts.tensors > kMaxTensors || counts.keys > kMaxKeys)
    cursor.refuse(ErrorCode::kInvalidModel,
                  "expected at most {} tensors and {} metadata keys, got {} and {}", kMaxTensors,
                  kMaxKeys, counts.tensors, counts.keys);
  return counts;
}

// Bytes of a value of fixed size; 0 for texts and arrays, nothing for an unknown type.
std::optional<uint64_t> fixed_bytes(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool:
      return 1;
    case GgufType::kU16:
    case GgufType::kI16:
      return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32:
      return 4;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      return 0;
  }
  return std::nullopt;
}

GgufArray read_array(Cursor& cursor) {
  const auto type = static_cast<GgufType>(cursor.number<uint32_t>());
  const auto count = cursor.number<uint64_t>();
  const std::optional<uint64_t> bytes = fixed_bytes(type);
  if (!bytes || type == GgufType::kArray)
    cursor.refuse(ErrorCode::kInvalidModel, "expected an array of a plain type, got type {}",
                  static_cast<uint32_t>(type));
  if (type == GgufType::kString) {
    // Each takes 8 bytes of the file at least, which bounds the loop.
    for (uint64_t i = 0; i < count; ++i) cursor.take(cursor.number<uint64_t>());
  } else {
    if (count > cursor.left() / *bytes)
      cursor.refuse(ErrorCode::kInvalidModel,
                    "expected an array of {} values, but only {} bytes follow (is the file "
                    "truncated?)",
                    count, cursor.left());
    cursor.take(count * *bytes);
  }
  return {.count = count};
}

GgufValue read_value(Cursor& cursor) {
  const auto type = cursor.number<uint32_t>();
  switch (static_cast<GgufType>(type)) {
    case GgufType::kU8:
      return uint32_t{cursor.number<uint8_t>()};
    case GgufType::kI8:
      return int64_t{cursor.number<int8_t>()};
    case GgufType::kU16:
      return uint32_t{cursor.number<uint16_t>()};
    case GgufType::kI16:
      return int64_t{cursor.number<int16_t>()};
    case GgufType::kU32:
      return cursor.number<uint32_t>();
    case GgufType::kI32:
      return int64_t{cursor.number<int32_t>()};
    case GgufType::kF32:
      return cursor.number<float>();
    case GgufType::kBool: {
      const auto value = cursor.number<uint8_t>();
      if (value > 1)
        cursor.refuse(ErrorCode::kInvalidModel, "expected true or false as 1 or 0, got {}", value);
      return value == 1;
    }
    case GgufType::kString:
      return cursor.text(std::numeric_limits<uint64_t>::max());
    case GgufType::kArray:
      return read_array(cursor);
    case GgufType::kU64:
      return cursor.number<uint64_t>();
    case GgufType::kI64:
      return cursor.number<int64_t>();
    case GgufType::kF64:
      return cursor.number<double>();
  }
  cursor.refuse(ErrorCode::kInvalidModel, "there is no metadata type {}", type);
}

std::map<std::string, GgufValue> read_metadata(Cursor& cursor, uint64_t count) {
  std::map<std::string, GgufValue> metadata;
  for (uint64_t i = 0; i < count; ++i) {
    cursor.now_reading(fmt::format("metadata key {} of {}", i + 1, count));
    std::string key = cursor.text(kMaxKeyBytes);
    cursor.now_reading("metadata key " + quoted_name(key));
    GgufValue value = read_value(cursor);
    if (!metadata.emplace(std::move(key), std::move(value)).second)
      cursor.refuse(ErrorCode::kInvalidModel, "the file has it twice");
  }
  return metadata;
}

uint64_t alignment_of(Cursor& cursor, const std::map<std::string, GgufValue>& metadata) {
  const auto found = metadata.find(kGgufAlignmentKey);
  if (found == metadata.end()) return kDefaultAlignmentBytes;
  const auto* value = std::get_if<uint32_t>(&found->second);
  // The format asks for a multiple of 8, which also aligns every element.
  if (value == nullptr || *value < 8 || *value > kMaxAlignmentBytes ||
      !std::has_single_bit(*value)) {
    cursor.now_reading("metadata key " + quoted_name(kGgufAlignmentKey));
    cursor.refuse(ErrorCode::kInvalidModel, "expected a power of two from 8 to {} as uint32",
                  kMaxAlignmentBytes);
  }
  return *value;
}

// A tensor and the bytes [begin, end) of the data section that it owns.
struct Entry {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;
  uint64_t begin = 0;
  uint64_t end = 0;
};

// The file has the innermost dimension first.
Shape read_shape(Cursor& cursor) {
  const auto dimensions = cursor.number<uint32_t>();
  if (dimensions < 1 || dimensions > kMaxDimensions)
    cursor.refuse(ErrorCode::kInvalidModel, "expected 1 to {} dimensions, got {}", kMaxDimensions,
                  dimensions);
  Shape shape(dimensions);
  int64_t count = 1;
  for (size_t i = dimensions; i-- > 0;) {
    const auto extent = cursor.number<uint64_t>();
    if (extent < 1 || extent > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      cursor.refuse(ErrorCode::kInvalidModel, "expected dimensions of at least 1, got {}", extent);
    shape[i] = static_cast<int64_t>(extent);
    // No dtype takes more than 8 bytes per element.
    if (__builtin_mul_overflow(count, shape[i], &count) ||
        count > std::numeric_limits<int64_t>::max() / 8)
      cursor.refuse(ErrorCode::kInvalidModel, "it has more elements than can be counted");
  }
  return shape;
}

DType read_dtype(Cursor& cursor, const Shape& shape) {
  const auto number = cursor.number<uint32_t>();
  for (const GgufDType& known : kGgufDTypes) {
    if (known.number != number) continue;
    if (is_quantized(known.dtype) && !fits_blocks(known.dtype, shape))
      cursor.refuse(ErrorCode::kInvalidModel,
                    "expected a {} matrix of whole blocks in tiles of {} rows, got the shape {}",
                    name(known.dtype), kTileRows, to_string(shape));
    return known.dtype;
  }
  cursor.refuse(ErrorCode::kUnsupported, "this build lacks the GGUF tensor type {}", number);
}

// In the order of their offsets. The bytes are not known to be there yet.
std::vector<Entry> read_entries(Cursor& cursor, uint64_t count, uint64_t alignment) {
  std::vector<Entry> entries;
  for (uint64_t i = 0; i < count; ++i) {
    cursor.now_reading(fmt::format("tensor {} of {}", i + 1, count));
    Entry entry;
    entry.name = cursor.text(kMaxNameBytes);
    cursor.now_reading("tensor " + quoted_name(entry.name));
    entry.shape = read_shape(cursor);
    entry.dtype = read_dtype(cursor, entry.shape);
    entry.begin = cursor.number<uint64_t>();
    if (entry.begin % alignment != 0)
      cursor.refuse(ErrorCode::kInvalidModel, "expected an offset that is a multiple of {}, got {}",
                    alignment, entry.begin);
    const TensorView view{entry.dtype, entry.shape, nullptr};
    if (__builtin_add_overflow(entry.begin, view.size_bytes(), &entry.end))
      cursor.refuse(ErrorCode::kInvalidModel, "its offset {} is beyond all files", entry.begin);
    entries.push_back(std::move(entry));
  }
  std::ranges::sort(entries, {}, &Entry::begin);
  return entries;
}

void check_extents(const fs::path& path, const std::vector<Entry>& entries, uint64_t data_bytes) {
  const Entry* previous = nullptr;
  for (const Entry& entry : entries) {
    if (entry.end > data_bytes)
      fail(ErrorCode::kInvalidModel,
           "{}: tensor {}: it ends at byte {} of the data, but the file has {} (is it truncated?)",
           path.string(), quoted_name(entry.name), entry.end, data_bytes);
    if (previous != nullptr && entry.begin < previous->end)
      fail(ErrorCode::kInvalidModel, "{}: the tensors {} [{}, {}] and {} [{}, {}] overlap",
           path.string(), quoted_name(previous->name), previous->begin, previous->end,
           quoted_name(entry.name), entry.begin, entry.end);
    previous = &entry;
  }
}

uint64_t rounded_up(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

GgufFile GgufFile::open(const fs::path& path) {
  GgufFile file;
  file.file_ = MappedFile::open(path);
  const std::span<const std::byte> bytes = file.file_.bytes();
  Cursor cursor(path, bytes);
  const Counts counts = read_header(cursor);
  file.metadata_ = read_metadata(cursor, counts.keys);
  const uint64_t alignment = alignment_of(cursor, file.metadata_);
  std::vector<Entry> entries = read_entries(cursor, counts.tensors, alignment);
  const uint64_t data_begin =
      std::min<uint64_t>(rounded_up(cursor.position(), alignment), bytes.size());
  const auto data = bytes.subspan(static_cast<size_t>(data_begin));
  check_extents(path, entries, data.size());
  for (Entry& entry : entries) {
    const TensorView view{entry.dtype, std::move(entry.shape), data.data() + entry.begin};
    if (!file.tensors_.emplace(entry.name, view).second)
      fail(ErrorCode::kInvalidModel, "{}: tensor {}: the file has it twice", path.string(),
           quoted_name(entry.name));
  }
  return file;
}

const std::string* GgufFile::find_text(const std::string& key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return nullptr;
  const auto* text = std::get_if<std::string>(&found->second);
  if (text == nullptr)
    fail(ErrorCode::kInvalidModel, "{}: metadata key {}: expected a text", path().string(),
         quoted_name(key));
  return text;
}

}  // namespace stapes
