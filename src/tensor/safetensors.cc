// Reading: the header's JSON, its entries, and how they cover the data. Writing:
// safetensors_writer.cc.
#include "tensor/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <tuple>

#include "base/fail.h"
#include "tensor/quoted_name.h"

namespace stapes {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // the limit of the format's own library
constexpr int kMaxDimensions = 8;
constexpr std::array kDTypes = {DType::kF32, DType::kF16, DType::kBF16, DType::kI64,
                                DType::kI32, DType::kI16, DType::kI8,   DType::kU8};

// Stops the parser at what the DOM would hide (duplicate keys) or swell up on (deep nesting, long
// arrays): a header is an object of objects, whose values are strings or short arrays.
class HeaderGuard {
 public:
  explicit HeaderGuard(const fs::path& path) : path_(path) {}

  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
      case json::parse_event_t::array_start:
        if (depth > kMaxDepth)
          fail(ErrorCode::kInvalidModel, "{}: the header is nested deeper than {} levels",
               path_.string(), kMaxDepth + 1);
        in_array_ = event == json::parse_event_t::array_start;
        array_size_ = 0;
        keys_.at(static_cast<size_t>(depth)).clear();
        break;
      case json::parse_event_t::array_end:
        in_array_ = false;
        break;
      case json::parse_event_t::key:
        if (!keys_.at(static_cast<size_t>(depth) - 1).insert(parsed.get<std::string>()).second)
          fail(ErrorCode::kInvalidModel, "{}: the header has {} twice", path_.string(),
               quoted_name(parsed.get<std::string>()));
        break;
      case json::parse_event_t::value:
        if (in_array_ && ++array_size_ > kMaxDimensions)
          fail(ErrorCode::kInvalidModel, "{}: the header has an array of more than {} values",
               path_.string(), kMaxDimensions);
        break;
      case json::parse_event_t::object_end:
        break;
    }
    return true;
  }

 private:
  static constexpr int kMaxDepth = 2;
  const fs::path& path_;
  std::array<std::set<std::string>, kMaxDepth + 1> keys_;  // of the open object at each depth
  bool in_array_ = false;
  int array_size_ = 0;
};

std::string_view header_text(const fs::path& path, std::span<const std::byte> bytes) {
  if (bytes.size() < kLengthBytes)
    fail(ErrorCode::kInvalidModel, "{}: expected a safetensors file, but it has only {} bytes",
         path.string(), bytes.size());
  uint64_t length = 0;  // little-endian, as this machine
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeaderBytes)
    fail(ErrorCode::kInvalidModel,
         "{}: expected a safetensors header of at most {} bytes, but the file says {}",
         path.string(), kMaxHeaderBytes, length);
  if (length > bytes.size() - kLengthBytes)
    fail(ErrorCode::kInvalidModel,
         "{}: the header should have {} bytes, but only {} bytes follow (is the file truncated?)",
         path.string(), length, bytes.size() - kLengthBytes);
  return {reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length};
}

json parse_header(const fs::path& path, std::string_view text) {
  json header;
  try {
    HeaderGuard guard(path);
    header = json::parse(text, std::ref(guard));  // by reference: the parser would copy it
  } catch (const json::parse_error& error) {
    fail(ErrorCode::kInvalidModel, "{}: the safetensors header is not JSON (at its byte {})",
         path.string(), error.byte);
  } catch (const json::out_of_range&) {
    fail(ErrorCode::kInvalidModel, "{}: the safetensors header has a number out of all range",
         path.string());
  }
  if (!header.is_object())
    fail(ErrorCode::kInvalidModel, "{}: expected the header to be a JSON object, got {}",
         path.string(), header.type_name());
  return header;
}

// One entry of the header: a tensor and the bytes [begin, end) of the data section that it owns.
struct Entry {
  std::string name;
  DType dtype = DType::kU8;
  Shape shape;
  uint64_t begin = 0;
  uint64_t end = 0;
};

// Reads one entry; every sentence names the file and the tensor.
class EntryReader {
 public:
  EntryReader(const fs::path& path, const std::string& tensor, const json& info)
      : path_(path), tensor_(tensor), info_(info) {}

  Entry read(uint64_t data_bytes) const {
    if (!info_.is_object()) refuse("expected an object, got {}", info_.type_name());
    Entry entry{tensor_, dtype(), shape(), 0, 0};
    const json& offsets = field("data_offsets", json::value_t::array, "an array");
    if (offsets.size() != 2) refuse("expected data_offsets of two numbers, got {}", offsets.size());
    entry.begin = static_cast<uint64_t>(whole(offsets[0], "data_offsets"));
    entry.end = static_cast<uint64_t>(whole(offsets[1], "data_offsets"));
    if (entry.begin > entry.end)
      refuse("data_offsets run backwards: [{}, {}]", entry.begin, entry.end);
    if (entry.end > data_bytes)
      refuse("data_offsets [{}, {}] reach beyond the file's {} bytes of data (is it truncated?)",
             entry.begin, entry.end, data_bytes);
    const uint64_t needed = needed_bytes(entry);
    if (entry.end - entry.begin != needed)
      refuse("shape {} of {} needs {} bytes, but data_offsets [{}, {}] hold {}",
             to_string(entry.shape), name(entry.dtype), needed, entry.begin, entry.end,
             entry.end - entry.begin);
    return entry;
  }

 private:
  template <typename... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::kInvalidModel, "{}: tensor {}: {}", path_.string(), quoted_name(tensor_),
         fmt::format(format, std::forward<Args>(args)...));
  }

  const json& field(const char* key, json::value_t type, const char* expected) const {
    const auto found = info_.find(key);
    if (found == info_.end()) refuse("{} is missing", key);
    if (found->type() != type)
      refuse("expected {} to be {}, got {}", key, expected, found->type_name());
    return *found;
  }

  DType dtype() const {
    const auto& spelled =
        field("dtype", json::value_t::string, "a string").get_ref<const std::string&>();
    for (const DType dtype : kDTypes)
      if (spelled == name(dtype)) return dtype;
    refuse("expected a dtype of F32, F16, BF16, I64, I32 or U8, got {}", quoted_name(spelled));
  }

  Shape shape() const {
    Shape shape;
    for (const json& extent : field("shape", json::value_t::array, "an array"))
      shape.push_back(whole(extent, "shape"));
    return shape;
  }

  int64_t whole(const json& value, const char* key) const {
    constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    if (!value.is_number_unsigned() || value.get<uint64_t>() > kMax)
      refuse("expected whole numbers of at least 0 in {}, got {}", key,
             value.is_primitive() && !value.is_string() ? value.dump() : value.type_name());
    return value.get<int64_t>();
  }

  uint64_t needed_bytes(const Entry& entry) const {
    auto bytes = static_cast<int64_t>(1);
    bool overflow = false;
    for (const int64_t extent : entry.shape)
      overflow = overflow || __builtin_mul_overflow(bytes, extent, &bytes);
    overflow = overflow ||
               __builtin_mul_overflow(bytes, static_cast<int64_t>(size_bytes(entry.dtype)), &bytes);
    if (overflow) refuse("shape {} has more elements than can be counted", to_string(entry.shape));
    return static_cast<uint64_t>(bytes);
  }

  const fs::path& path_;
  const std::string& tensor_;
  const json& info_;
};

std::map<std::string, std::string> read_metadata(const fs::path& path, const json& info) {
  if (!info.is_object())
    fail(ErrorCode::kInvalidModel, "{}: expected __metadata__ to be an object, got {}",
         path.string(), info.type_name());
  std::map<std::string, std::string> metadata;
  for (const auto& [key, value] : info.items()) {
    if (!value.is_string())
      fail(ErrorCode::kInvalidModel, "{}: expected __metadata__ {} to be a string, got {}",
           path.string(), quoted_name(key), value.type_name());
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

// The tensors must tile the data: bytes owned twice, or by nobody, are how files lie.
void check_tiling(const fs::path& path, std::vector<Entry>& entries, uint64_t data_bytes) {
  std::ranges::sort(entries, [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t covered = 0;
  const Entry* previous = nullptr;
  for (const Entry& entry : entries) {
    if (entry.begin < covered)
      fail(ErrorCode::kInvalidModel, "{}: the tensors {} [{}, {}] and {} [{}, {}] overlap",
           path.string(), quoted_name(previous->name), previous->begin, previous->end,
           quoted_name(entry.name), entry.begin, entry.end);
    if (entry.begin > covered)
      fail(ErrorCode::kInvalidModel, "{}: {} bytes before tensor {} belong to no tensor",
           path.string(), entry.begin - covered, quoted_name(entry.name));
    covered = entry.end;
    previous = &entry;
  }
  if (covered != data_bytes)
    fail(ErrorCode::kInvalidModel, "{}: {} bytes at the end of the file belong to no tensor",
         path.string(), data_bytes - covered);
}

}  // namespace

SafetensorsFile SafetensorsFile::open(const fs::path& path) {
  SafetensorsFile file;
  file.file_ = MappedFile::open(path);
  const std::span<const std::byte> bytes = file.file_.bytes();
  const std::string_view text = header_text(path, bytes);
  const json header = parse_header(path, text);
  const auto data = bytes.subspan(kLengthBytes + text.size());

  std::vector<Entry> entries;
  for (const auto& [tensor, info] : header.items()) {
    if (tensor == "__metadata__")
      file.metadata_ = read_metadata(path, info);
    else
      entries.push_back(EntryReader(path, tensor, info).read(data.size()));
  }
  check_tiling(path, entries, data.size());

  for (Entry& entry : entries) {
    auto own = data.subspan(entry.begin, entry.end - entry.begin);
    if (reinterpret_cast<uintptr_t>(own.data()) % size_bytes(entry.dtype) != 0)
      own = file.realigned_.emplace_back(own.begin(), own.end());
    file.tensors_.emplace(std::move(entry.name),
                          TensorView{entry.dtype, std::move(entry.shape), own.data()});
  }
  return file;
}

}  // namespace stapes
