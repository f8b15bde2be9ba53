#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ostream>
#include <set>

#include "base/check.h"
#include "base/fail.h"
#include "tensor/gguf.h"
#include "tensor/gguf_types.h"

namespace stapes {
namespace {

// Everything before the tensors' bytes, made in memory: names and metadata are small.
class HeaderBytes {
 public:
  template <typename Number>
  void number(Number value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);  // little-endian
  }
  void type(GgufType type) { number(static_cast<uint32_t>(type)); }
  void text(const std::string& text) {
    number(uint64_t{text.size()});
    bytes_ += text;
  }
  void raw(const char* text) { bytes_ += text; }
  void pad() {
    bytes_.resize((bytes_.size() + kGgufAlignmentBytes - 1) / kGgufAlignmentBytes *
                  kGgufAlignmentBytes);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

struct ValueWriter {
  HeaderBytes& out;

  void operator()(bool value) const { put(GgufType::kBool, uint8_t{value}); }
  void operator()(uint32_t value) const { put(GgufType::kU32, value); }
  void operator()(uint64_t value) const { put(GgufType::kU64, value); }
  void operator()(int64_t value) const { put(GgufType::kI64, value); }
  void operator()(float value) const { put(GgufType::kF32, value); }
  void operator()(double value) const { put(GgufType::kF64, value); }
  void operator()(const std::string& value) const {
    out.type(GgufType::kString);
    out.text(value);
  }
  void operator()(const GgufArray&) const { STAPES_CHECK(false, "arrays are not written"); }

  template <typename Number>
  void put(GgufType type, Number value) const {
    out.type(type);
    out.number(value);
  }
};

uint64_t padded(uint64_t bytes) {
  return (bytes + kGgufAlignmentBytes - 1) / kGgufAlignmentBytes * kGgufAlignmentBytes;
}

std::string header(const GgufMetadata& metadata, const std::vector<GgufTensor>& tensors) {
  HeaderBytes out;
  out.raw(kGgufMagic);
  out.number(kGgufVersion);
  out.number(uint64_t{tensors.size()});
  out.number(uint64_t{metadata.size() + 1});
  std::set<std::string> seen = {kGgufAlignmentKey};
  out.text(kGgufAlignmentKey);
  ValueWriter{out}(kGgufAlignmentBytes);
  for (const auto& [key, value] : metadata) {
    STAPES_CHECK(seen.insert(key).second, "the metadata key {} is written twice", key);
    out.text(key);
    std::visit(ValueWriter{out}, value);
  }
  seen.clear();
  uint64_t offset = 0;
  for (const GgufTensor& tensor : tensors) {
    STAPES_CHECK(seen.insert(tensor.name).second, "tensor {} is written twice", tensor.name);
    out.text(tensor.name);
    out.number(static_cast<uint32_t>(tensor.shape.size()));
    for (size_t i = tensor.shape.size(); i-- > 0;) out.number(tensor.shape[i]);
    out.number(gguf_type(tensor.dtype));
    out.number(offset);
    offset += padded(tensor.size_bytes());
  }
  out.pad();
  return out.take();
}

}  // namespace

uint32_t gguf_type(DType dtype) {
  for (const GgufDType& known : kGgufDTypes)
    if (known.dtype == dtype) return known.number;
  STAPES_CHECK(false, "GGUF has no type for {}", name(dtype));
  return 0;
}

uint64_t GgufTensor::size_bytes() const {
  return TensorView{dtype, shape, nullptr}.size_bytes();
}

uint64_t gguf_file_bytes(const GgufMetadata& metadata, const std::vector<GgufTensor>& tensors) {
  uint64_t bytes = header(metadata, tensors).size();
  for (const GgufTensor& tensor : tensors) bytes += padded(tensor.size_bytes());
  return bytes;
}

void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                const std::vector<GgufTensor>& tensors,
                const std::function<void(size_t tensor, const GgufSink& sink)>& write_tensor) {
  write_file_atomically(path, [&](std::ostream& out) {
    uint64_t written = 0;
    const GgufSink sink = [&](std::span<const std::byte> bytes) {
      out.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
      written += bytes.size();
      // Now, and not at the end of hours of work.
      if (!out)
        fail(ErrorCode::kIo, "cannot write {}: {}", path.string(),
             errno != 0 ? std::strerror(errno) : "the stream failed");
    };
    const std::string head = header(metadata, tensors);
    sink(std::as_bytes(std::span(head)));
    for (size_t i = 0; i < tensors.size(); ++i) {
      written = 0;
      write_tensor(i, sink);
      const uint64_t expected = tensors[i].size_bytes();
      STAPES_CHECK(written == expected, "tensor {} got {} bytes in place of {}", tensors[i].name,
                   written, expected);
      constexpr std::array<std::byte, kGgufAlignmentBytes> kZeros{};
      sink(std::span(kZeros).first(static_cast<size_t>(padded(expected) - expected)));
    }
  });
}

}  // namespace stapes
