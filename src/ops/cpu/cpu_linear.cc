// Matrix products: what is computed by whom. The products themselves are the kernels'.
#include <algorithm>
#include <vector>

#include "ops/cpu/cpu_ops.h"
#include "ops/cpu/widened.h"

namespace stapes {
namespace {

// Outputs that a kernel computes together: the weights of plain rows are widened in groups of this
// many, quantized ones lie in tiles of it.
constexpr int64_t kOutputGroup = kTileRows;

// Rounding a value takes about as long as this many multiplications of a product.
constexpr int64_t kPackCost = 20;

// One product of a group, cut into pieces of kOutputGroup outputs. Pieces of all products of a
// group are numbered through.
struct Product {
  const op::LinearOutput* output;
  Widened bias;
  const std::byte* packed;  // the rows, for a product in blocks; else null
  int64_t first_piece;
  int64_t pieces;

  Product(const Kernels& kernels, const op::LinearOutput& of, int64_t first)
      : output(&of),
        bias(kernels, of.bias),
        packed(nullptr),
        first_piece(first),
        pieces((of.weight.shape[0] + kOutputGroup - 1) / kOutputGroup) {}
};

// Is it computed with integers, block by block?
bool in_blocks(const TensorView& weight, op::Products products) {
  if (is_quantized(weight.dtype)) return true;
  const bool sixteen_bits = weight.dtype == DType::kF16 || weight.dtype == DType::kBF16;
  return products == op::Products::kInt16 && sixteen_bits && weight.shape[0] % kTileRows == 0 &&
         weight.shape[1] % 32 == 0;
}

void multiply_pieces(const Kernels& kernels, const Product& product, std::span<const float> x,
                     int64_t begin, int64_t end) {
  const TensorView& weight = product.output->weight;
  const int64_t columns = weight.shape[1];
  const auto rows = static_cast<int64_t>(x.size()) / columns;
  if (product.packed != nullptr) {
    kernels.multiply_blocks({.dtype = weight.dtype,
                             .tiles = weight.data,
                             .x = product.packed,
                             .bias = product.bias.data(),
                             .y = product.output->y.data(),
                             .rows = rows,
                             .columns = columns,
                             .outputs = weight.shape[0],
                             .first_tile = begin,
                             .last_tile = end});
    return;
  }
  kernels.linear({.x = x.data(),
                  .weight = weight.data,
                  .bias = product.bias.data(),
                  .y = product.output->y.data(),
                  .dtype = weight.dtype,
                  .rows = rows,
                  .inputs = columns,
                  .outputs = weight.shape[0],
                  .first_output = begin * kOutputGroup,
                  .last_output = std::min(end * kOutputGroup, weight.shape[0])});
}

}  // namespace

// The rows of x in groups, as the products with weights of this dtype read them. Threads share the
// rows of a group, too.
CpuOps::PackedRows CpuOps::pack(DType dtype, std::span<const float> x, int64_t columns) const {
  const int64_t rows = static_cast<int64_t>(x.size()) / columns;
  const int64_t group_rows = kernels_.row_group(dtype, rows);
  const int64_t group_bytes = kernels_.packed_bytes(dtype, group_rows, columns);
  const int64_t rest_bytes = kernels_.packed_bytes(dtype, rows % group_rows, columns);
  PackedRows packed(static_cast<std::byte*>(::operator new[](
      static_cast<size_t>(rows / group_rows * group_bytes + rest_bytes), kPackedAlignment)));
  for_chunks((rows + kRowGroup - 1) / kRowGroup, kRowGroup * columns * kPackCost,
             [&](int64_t begin, int64_t end) {
               for (int64_t part = begin; part < end; ++part) {
                 const int64_t group = part * kRowGroup / group_rows;
                 const int64_t first = group * group_rows;
                 const int64_t rows_of_group = std::min(group_rows, rows - first);
                 const int64_t first_row = part * kRowGroup - first;
                 kernels_.pack_rows({.dtype = dtype,
                                     .x = x.data() + first * columns,
                                     .rows = rows_of_group,
                                     .columns = columns,
                                     .first_row = first_row,
                                     .last_row = std::min(first_row + kRowGroup, rows_of_group),
                                     .packed = packed.get() + group * group_bytes});
               }
             });
  return packed;
}

void CpuOps::run(const op::LinearGroup& args) const {
  const int64_t columns = args.outputs[0].weight.shape[1];
  const int64_t rows = static_cast<int64_t>(args.x.size()) / columns;
  std::vector<Product> products;
  products.reserve(args.outputs.size());
  std::vector<std::pair<DType, PackedRows>> packings;  // one for each dtype
  packings.reserve(args.outputs.size());
  int64_t pieces = 0;
  for (const op::LinearOutput& output : args.outputs) {
    Product& product = products.emplace_back(kernels_, output, pieces);
    pieces += product.pieces;
    const DType dtype = output.weight.dtype;
    if (!in_blocks(output.weight, args.products)) continue;
    auto packing = std::ranges::find(packings, dtype, &decltype(packings)::value_type::first);
    if (packing == packings.end()) {
      packings.emplace_back(dtype, pack(dtype, args.x, columns));
      packing = packings.end() - 1;
    }
    product.packed = packing->second.get();
  }
  for_chunks(pieces, rows * columns * kOutputGroup, [&](int64_t begin, int64_t end) {
    for (const Product& product : products) {
      const int64_t from = std::max(begin - product.first_piece, int64_t{0});
      const int64_t to = std::min(end - product.first_piece, product.pieces);
      if (from < to) multiply_pieces(kernels_, product, args.x, from, to);
    }
  });
}

}  // namespace stapes
