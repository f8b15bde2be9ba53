#include "tensor/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <ostream>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/file.h"

namespace stapes {
namespace {

static_assert(std::endian::native == std::endian::little, "elements are written as they lie");

// Magic, version 1.0 and the length of the dictionary, which NumPy pads so that data starts at a
// multiple of 64 bytes (numpy.lib.format).
std::string npy_header(std::string_view descr, const Shape& shape) {
  // Python writes a tuple of one with a comma: (3,).
  std::string dictionary =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}{}), }}", descr,
                  fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  constexpr size_t kPrefixBytes = 10;
  constexpr size_t kAlignmentBytes = 64;
  while ((kPrefixBytes + dictionary.size() + 1) % kAlignmentBytes != 0) dictionary += ' ';
  dictionary += '\n';
  STAPES_CHECK(dictionary.size() <= 0xffff, "a shape of {} dimensions", shape.size());

  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dictionary.size() & 0xff);
  header += static_cast<char>(dictionary.size() >> 8);
  return header + dictionary;
}

template <typename T>
void write(const std::filesystem::path& path, std::string_view descr, std::span<const T> values,
           const Shape& shape) {
  STAPES_CHECK(element_count(shape) == static_cast<int64_t>(values.size()),
               "{} values for the shape {}", values.size(), to_string(shape));
  write_file_atomically(path, [&](std::ostream& out) {
    out << npy_header(descr, shape);
    out.write(reinterpret_cast<const char*>(values.data()),
              static_cast<std::streamsize>(values.size_bytes()));
  });
}

}  // namespace

void write_npy(const std::filesystem::path& path, std::span<const float> values,
               const Shape& shape) {
  write(path, "<f4", values, shape);
}

void write_npy(const std::filesystem::path& path, std::span<const int64_t> values,
               const Shape& shape) {
  write(path, "<i8", values, shape);
}

}  // namespace stapes
