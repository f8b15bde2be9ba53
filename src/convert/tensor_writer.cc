#include "convert/tensor_writer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "base/fail.h"
#include "tensor/quantized.h"

namespace stapes {
namespace {

// Elements that are converted and written together: bounds the memory for the largest tensor, and
// how long Ctrl-C takes.
constexpr int64_t kBatchElements = int64_t{4} << 20;
// Of plain types there are no tiles; a thread takes this many elements at a time.
constexpr int64_t kPlainPieceElements = int64_t{64} << 10;

// Pieces are what a thread converts alone: a tile of 16 rows, or a run of elements.
struct Pieces {
  int64_t elements = 0;  // of each; the last may be shorter
  size_t bytes = 0;      // of each, stored
  int64_t columns = 0;   // of a tile's rows
};

Pieces pieces_of(const Shape& shape, DType dtype) {
  if (!is_quantized(dtype))
    return {.elements = kPlainPieceElements,
            .bytes = static_cast<size_t>(kPlainPieceElements) * size_bytes(dtype),
            .columns = 0};
  return {.elements = kTileRows * shape[1],
          .bytes = static_cast<size_t>(kTileRows) * row_bytes(dtype, shape[1]),
          .columns = shape[1]};
}

ConversionError error_of(std::span<const float> original, std::span<const float> stored) {
  ConversionError error;
  for (size_t i = 0; i < original.size(); ++i) {
    const double value = original[i];
    const double off = std::abs(value - stored[i]);
    error.squared_error += off * off;
    error.squared_sum += value * value;
    error.largest_error = std::max(error.largest_error, off);
  }
  return error;
}

std::vector<float> finite_values(const TensorView& piece, const std::string& where) {
  std::vector<float> values = widened_to_f32(piece);
  for (const float value : values)
    if (!std::isfinite(value))
      fail(ErrorCode::kInvalidModel, "{}: expected finite values, got {}", where, value);
  return values;
}

ConversionError convert_tile(std::span<const float> values, DType dtype, int64_t columns,
                             std::span<std::byte> out) {
  const size_t bytes = row_bytes(dtype, columns);
  const auto width = static_cast<size_t>(columns);
  std::vector<std::byte> rows(kTileRows * bytes);
  std::vector<float> stored(width);
  ConversionError error;
  for (size_t r = 0; r < kTileRows; ++r) {
    const auto row = std::span(rows).subspan(r * bytes, bytes);
    const auto original = values.subspan(r * width, width);
    quantize_row(dtype, original, row);
    dequantize_row(dtype, row, stored);
    error.add(error_of(original, stored));
  }
  rows_to_tile(dtype, columns, rows, out);
  return error;
}

ConversionError convert_plain(std::span<const float> values, DType dtype, const std::string& where,
                              std::span<std::byte> out) {
  if (dtype == DType::kF32) {
    std::memcpy(out.data(), values.data(), out.size());
    return error_of(values, values);
  }
  std::vector<float> stored(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const uint16_t bits = dtype == DType::kF16 ? f32_to_f16(values[i]) : f32_to_bf16(values[i]);
    stored[i] = dtype == DType::kF16 ? f16_to_f32(bits) : bf16_to_f32(bits);
    if (!std::isfinite(stored[i]))
      fail(ErrorCode::kUnsupported, "{}: {} cannot hold the value {}", where, name(dtype),
           values[i]);
    std::memcpy(out.data() + i * sizeof bits, &bits, sizeof bits);
  }
  return error_of(values, stored);
}

// One tensor on its way: batches of pieces, each piece on one thread.
class Conversion {
 public:
  Conversion(const TensorView& original, DType dtype, const std::string& where)
      : original_(original),
        dtype_(dtype),
        where_(where),
        pieces_(pieces_of(original.shape, dtype)) {}

  // A whole number of pieces.
  int64_t batch_elements() const {
    return std::max<int64_t>(kBatchElements / pieces_.elements, 1) * pieces_.elements;
  }

  std::span<const std::byte> original_bytes(int64_t first, int64_t elements) const {
    const size_t bytes = size_bytes(original_.dtype);
    return {original_.data + static_cast<size_t>(first) * bytes,
            static_cast<size_t>(elements) * bytes};
  }

  // Converts [first, first + elements) into `out`, which gets the right size.
  ConversionError convert(int64_t first, int64_t elements, ThreadPool& threads,
                          std::vector<std::byte>& out) const {
    const int64_t count = (elements + pieces_.elements - 1) / pieces_.elements;
    std::vector<ConversionError> errors(static_cast<size_t>(count));
    out.resize(is_quantized(dtype_) ? static_cast<size_t>(count) * pieces_.bytes
                                    : static_cast<size_t>(elements) * size_bytes(dtype_));
    threads.parallel_for(count, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t at = i * pieces_.elements;
        const int64_t own = std::min(pieces_.elements, elements - at);
        const size_t out_at = static_cast<size_t>(i) * pieces_.bytes;
        errors[static_cast<size_t>(i)] = convert_piece(
            first + at, own,
            std::span(out).subspan(out_at, std::min(pieces_.bytes, out.size() - out_at)));
      }
    });
    ConversionError sum;  // in order, whichever thread made it
    for (const ConversionError& piece : errors) sum.add(piece);
    return sum;
  }

 private:
  ConversionError convert_piece(int64_t first, int64_t elements, std::span<std::byte> out) const {
    const TensorView piece{original_.dtype, {elements}, original_bytes(first, elements).data()};
    const std::vector<float> values = finite_values(piece, where_);
    return is_quantized(dtype_) ? convert_tile(values, dtype_, pieces_.columns, out)
                                : convert_plain(values, dtype_, where_, out);
  }

  const TensorView& original_;
  DType dtype_;
  const std::string& where_;
  Pieces pieces_;
};

}  // namespace

void ConversionError::add(const ConversionError& other) {
  squared_error += other.squared_error;
  squared_sum += other.squared_sum;
  largest_error = std::max(largest_error, other.largest_error);
}

double ConversionError::relative_rms() const {
  return squared_sum > 0 ? std::sqrt(squared_error / squared_sum) : 0;
}

ConversionError write_converted(const TensorView& original, DType dtype, const std::string& where,
                                ThreadPool& threads, const GgufSink& sink,
                                const BatchDone& batch_done) {
  STAPES_CHECK(!is_quantized(original.dtype), "{} is quantized already", where);
  const Conversion conversion(original, dtype, where);
  const int64_t total = original.element_count();
  const int64_t batch = conversion.batch_elements();
  ConversionError error;
  std::vector<std::byte> out;
  for (int64_t first = 0; first < total; first += batch) {
    const int64_t elements = std::min(batch, total - first);
    error.add(conversion.convert(first, elements, threads, out));
    sink(out);
    if (!batch_done(conversion.original_bytes(first, elements)))
      fail(ErrorCode::kCancelled, "interrupted");
  }
  return error;
}

}  // namespace stapes
