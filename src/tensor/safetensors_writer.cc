#include <algorithm>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>

#include "base/check.h"
#include "base/fail.h"
#include "tensor/safetensors.h"

namespace stapes {
namespace {

// Elements converted at a time: bounds the memory for the largest tensor.
constexpr int64_t kChunkElements = 1 << 18;
constexpr size_t kHeaderAlignmentBytes = 8;

bool is_float(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
}

std::string header_json(const std::vector<NamedTensor>& tensors, DType dtype,
                        const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::set<std::string> names;
  size_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    STAPES_CHECK(names.insert(tensor.name).second, "tensor {} is written twice", tensor.name);
    const size_t end =
        offset + static_cast<size_t>(tensor.view.element_count()) * size_bytes(dtype);
    header[tensor.name] = {
        {"dtype", name(dtype)}, {"shape", tensor.view.shape}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  while (text.size() % kHeaderAlignmentBytes != 0) text += ' ';
  return text;
}

void write_bytes(std::ostream& out, const void* data, size_t bytes) {
  out.write(static_cast<const char*>(data), static_cast<std::streamsize>(bytes));
}

// Values as 16-bit floats of `dtype`.
std::vector<uint16_t> narrowed(const std::vector<float>& values, DType dtype,
                               const std::string& tensor) {
  std::vector<uint16_t> bits(values.size());
  if (dtype == DType::kBF16) {
    std::ranges::transform(values, bits.begin(), f32_to_bf16);
    return bits;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    bits[i] = f32_to_f16(values[i]);
    if (std::isfinite(values[i]) && (bits[i] & 0x7fffU) == 0x7c00U)
      fail(ErrorCode::kUnsupported, "tensor {} has the value {}, which F16 cannot hold: write BF16",
           tensor, values[i]);
  }
  return bits;
}

void write_tensor(std::ostream& out, const NamedTensor& tensor, DType dtype) {
  const TensorView& view = tensor.view;
  if (view.dtype == dtype) {
    write_bytes(out, view.data, view.size_bytes());
    return;
  }
  const int64_t count = view.element_count();
  for (int64_t done = 0; done < count && out; done += kChunkElements) {
    const TensorView chunk{view.dtype,
                           {std::min(kChunkElements, count - done)},
                           view.data + static_cast<size_t>(done) * size_bytes(view.dtype)};
    const std::vector<float> values = widened_to_f32(chunk);
    if (dtype == DType::kF32) {
      write_bytes(out, values.data(), values.size() * sizeof(float));
    } else {
      const std::vector<uint16_t> bits = narrowed(values, dtype, tensor.name);
      write_bytes(out, bits.data(), bits.size() * sizeof(uint16_t));
    }
  }
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       DType dtype, const std::map<std::string, std::string>& metadata) {
  STAPES_CHECK(is_float(dtype), "asked to write tensors as {}", name(dtype));
  const std::string header = header_json(tensors, dtype, metadata);
  write_file_atomically(path, [&](std::ostream& out) {
    const uint64_t length = header.size();
    write_bytes(out, &length, sizeof length);  // little-endian, as this machine
    write_bytes(out, header.data(), header.size());
    for (const NamedTensor& tensor : tensors) {
      if (!out) return;
      write_tensor(out, tensor, dtype);
    }
  });
}

}  // namespace stapes
