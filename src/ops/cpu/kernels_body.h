// The kernels of one level. Included once by each kernels_LEVEL.cc, inside its anonymous namespace
// and after it has defined kLanes, kRowTile, Vec, splat(), fma(), load_f16() and load_bf16(). No
// includes here: standard headers must be read before a level's instructions are switched on, or
// their inline functions could end up in the program with instructions that the processor lacks.
//
// Every output is summed in an order that depends on its own length only, not on how many rows,
// heads or outputs are computed together: a row has the same bits alone and in any batch.

using VecI = int32_t __attribute__((vector_size(kLanes * sizeof(int32_t))));
using VecI8 = int8_t __attribute__((vector_size(kLanes)));
using VecI16 = int16_t __attribute__((vector_size(kLanes * sizeof(int16_t))));
using VecU16 = uint16_t __attribute__((vector_size(kLanes * sizeof(uint16_t))));

constexpr int64_t kLineBytes = 64;     // what memory gives at once
constexpr int64_t kInputBlock = 1024;  // x of a row tile stays in the first-level cache
constexpr int64_t kOutputTile = 4;     // outputs whose sums are in registers at a time
constexpr int64_t kOutputBlock =
    16;  // outputs whose widened weights stay in the second-level cache

template <typename To, typename From>
To bits_as(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

// Any alignment: tensors in a model file start where they start.
Vec load(const float* values) {
  Vec v;
  std::memcpy(&v, values, sizeof(v));
  return v;
}

void store(const Vec& v, float* values) {
  std::memcpy(values, &v, sizeof(v));
}

Vec load_first(const float* values, int64_t count, float rest = 0.0F) {
  Vec v = splat(rest);
  std::memcpy(&v, values, static_cast<size_t>(count) * sizeof(float));
  return v;
}

void store_first(const Vec& v, int64_t count, float* values) {
  std::memcpy(values, &v, static_cast<size_t>(count) * sizeof(float));
}

// One struct per stored dtype: `load` widens kLanes elements.
struct F32 {
  static constexpr int64_t kBytes = 4;
  static Vec load(const std::byte* p) {
    Vec v;
    std::memcpy(&v, p, sizeof(v));
    return v;
  }
};

struct BF16 {
  static constexpr int64_t kBytes = 2;
  static Vec load(const std::byte* p) { return load_bf16(p); }
};

struct F16 {
  static constexpr int64_t kBytes = 2;
  static Vec load(const std::byte* p) { return load_f16(p); }
};

template <typename Type>
Vec load_first_of(const std::byte* p, int64_t count) {
  alignas(64) std::byte padded[kLanes * Type::kBytes] = {};
  std::memcpy(padded, p, static_cast<size_t>(count * Type::kBytes));
  return Type::load(padded);
}

Vec max(const Vec& a, const Vec& b) {
  return a > b ? a : b;
}

// Functions in the form of types: a lambda would be compiled without the level's instructions.
struct Sum {
  template <typename AnyVec>
  AnyVec operator()(const AnyVec& a, const AnyVec& b) const {
    return a + b;
  }
};
struct Max {
  Vec operator()(const Vec& a, const Vec& b) const { return max(a, b); }
};

// combine() over all lanes: the lanes in pairs, the pairs in pairs, ...
template <typename Combine, typename AnyVec>
auto reduce(AnyVec v) {
  VecI lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = i;
#pragma GCC unroll 8
  for (int distance = kLanes / 2; distance > 0; distance /= 2)
    v = Combine{}(v, __builtin_shuffle(v, lane ^ distance));
  return v[0];
}

template <typename AnyVec>
auto sum(const AnyVec& v) {
  return reduce<Sum>(v);
}

float largest(const Vec& v) {
  return reduce<Max>(v);
}

// e^r to half a unit in the last place, for |r| <= ln 2 / 2: Taylor terms up to r^7 / 7!, the rest
// is below 6e-9.
Vec exp_of_rest(const Vec& r) {
  Vec power = splat(1.0F / 5040.0F);
  power = fma(power, r, splat(1.0F / 720.0F));
  power = fma(power, r, splat(1.0F / 120.0F));
  power = fma(power, r, splat(1.0F / 24.0F));
  power = fma(power, r, splat(1.0F / 6.0F));
  power = fma(power, r, splat(0.5F));
  power = fma(power, r, splat(1.0F));
  return fma(power, r, splat(1.0F));
}

// x = n ln 2 + rest, n whole.
struct ExpParts {
  Vec n, rest;
  explicit ExpParts(const Vec& x) {
    constexpr float kRound = 12582912.0F;  // 1.5 · 2^23: adding it rounds to an integer
    n = fma(x, splat(1.44269504F), splat(kRound)) - kRound;
    rest = fma(n, splat(-1.42860677e-6F), fma(n, splat(-0.693145752F), x));
  }
};

// e^x to 2 units in the last place; 0 below the smallest normal result, infinity above the largest.
Vec exp(const Vec& x) {
  const Vec clamped = x > 88.72F ? splat(88.72F) : (x < -87.33F ? splat(-87.33F) : x);
  const ExpParts parts(clamped);
  // 2^n in two factors: n may be 128, whose power alone is no float.
  const VecI whole = __builtin_convertvector(parts.n, VecI);
  const VecI half = whole >> 1;
  const Vec scaled = exp_of_rest(parts.rest) * bits_as<Vec>((half + 127) << 23) *
                     bits_as<Vec>((whole - half + 127) << 23);
  const Vec bounded = x < -87.33F ? splat(0.0F) : scaled;
  return x != x ? x : (x > 88.72F ? splat(__builtin_inff()) : bounded);
}

// The same for x <= 0, in fewer steps.
Vec exp_of_negative(const Vec& x) {
  const ExpParts parts(max(x, splat(-87.33F)));
  const VecI whole = __builtin_convertvector(parts.n, VecI);
  const Vec scaled = exp_of_rest(parts.rest) * bits_as<Vec>((whole + 127) << 23);
  return x < -87.33F ? splat(0.0F) : (x != x ? x : scaled);
}

// x Φ(x). erfc as in Abramowitz and Stegun 7.1.26 (absolute error of erfc at most 1.5e-7), which
// keeps the small values of the negative side.
Vec gelu(const Vec& x) {
  const Vec magnitude = x < 0.0F ? -x : x;
  const Vec z = magnitude * 0.707106781F;
  const Vec t = 1.0F / fma(z, splat(0.3275911F), splat(1.0F));
  Vec series = splat(1.061405429F);
  series = fma(series, t, splat(-1.453152027F));
  series = fma(series, t, splat(1.421413741F));
  series = fma(series, t, splat(-0.284496736F));
  series = fma(series, t, splat(0.254829592F));
  const Vec tail = 0.5F * series * t * exp(-z * z);  // Φ(-|x|)
  return x < 0.0F ? x * tail : x - x * tail;
}

Vec silu(const Vec& x) {
  return x / (1.0F + exp(-x));
}

template <typename Type>
void widen_as(const std::byte* values, int64_t count, float* out) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(Type::load(values + i * Type::kBytes), out + i);
  if (i < count)
    store_first(load_first_of<Type>(values + i * Type::kBytes, count - i), count - i, out + i);
}

void widen(const std::byte* values, DType dtype, int64_t count, float* out) {
  switch (dtype) {
    case DType::kF16:
      return widen_as<F16>(values, count, out);
    case DType::kBF16:
      return widen_as<BF16>(values, count, out);
    default:
      return widen_as<F32>(values, count, out);
  }
}

// Loops over sums are all unrolled: one that is not would keep the sums in memory.
// Adds to y the products of kRows rows and kOutputs outputs over `inputs` inputs (at most
// kInputBlock), or sets y where this is the first block of inputs.
struct Block {
  const float* x;           // [kRows, inputs], rows x_stride apart
  const std::byte* weight;  // [kOutputs, inputs], rows weight_stride_bytes apart
  float* y;                 // [kRows, kOutputs], rows y_stride apart, outputs output_stride apart
  int64_t x_stride;
  int64_t weight_stride_bytes;
  int64_t y_stride;
  int64_t output_stride;
  int64_t inputs;
  bool first;
};

// The loop over vectors stands here itself: in a function of its own, even inlined, GCC 12 makes it
// a tenth slower.
template <typename Type, int kRows, int kOutputs>
void multiply(const Block& block) {
  Vec sums[kRows][kOutputs] = {};
  int64_t n = 0;
  if constexpr (kRows == 1) {  // weights come from memory: each line is asked for ahead of time
    constexpr int64_t kLine = kLineBytes / Type::kBytes, kBytesAhead = 2048;
    for (; n + kLine <= block.inputs; n += kLine) {
#pragma GCC unroll 8
      for (int o = 0; o < kOutputs; ++o) {
        const std::byte* line = block.weight + o * block.weight_stride_bytes + n * Type::kBytes;
        __builtin_prefetch(line + kBytesAhead, 0, 3);
#pragma GCC unroll 8
        for (int64_t i = 0; i < kLine; i += kLanes)
          sums[0][o] = fma(load(block.x + n + i), Type::load(line + i * Type::kBytes), sums[0][o]);
      }
    }
  }
  for (; n + kLanes <= block.inputs; n += kLanes) {
    Vec weights[kOutputs];
#pragma GCC unroll 8
    for (int o = 0; o < kOutputs; ++o)
      weights[o] = Type::load(block.weight + o * block.weight_stride_bytes + n * Type::kBytes);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vec x = load(block.x + r * block.x_stride + n);
#pragma GCC unroll 8
      for (int o = 0; o < kOutputs; ++o) sums[r][o] = fma(x, weights[o], sums[r][o]);
    }
  }
  if (const int64_t rest = block.inputs - n; rest > 0) {
#pragma GCC unroll 8
    for (int o = 0; o < kOutputs; ++o) {
      const Vec weight = load_first_of<Type>(
          block.weight + o * block.weight_stride_bytes + n * Type::kBytes, rest);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        sums[r][o] = fma(load_first(block.x + r * block.x_stride + n, rest), weight, sums[r][o]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int o = 0; o < kOutputs; ++o) {
      float& y = block.y[r * block.y_stride + o * block.output_stride];
      y = block.first ? sum(sums[r][o]) : y + sum(sums[r][o]);
    }
  }
}

template <typename Type, int kRows>
void multiply_rows(Block block, int64_t outputs) {
  for (; outputs >= kOutputTile; outputs -= kOutputTile) {
    multiply<Type, kRows, kOutputTile>(block);
    block.weight += kOutputTile * block.weight_stride_bytes;
    block.y += kOutputTile;
  }
  for (; outputs > 0; --outputs) {
    multiply<Type, kRows, 1>(block);
    block.weight += block.weight_stride_bytes;
    block.y += 1;
  }
}

template <typename Type>
void multiply_all(Block block, int64_t rows, int64_t outputs) {
  for (; rows >= kRowTile; rows -= kRowTile) {
    multiply_rows<Type, kRowTile>(block, outputs);
    block.x += kRowTile * block.x_stride;
    block.y += kRowTile * block.y_stride;
  }
  for (; rows > 0; --rows) {
    multiply_rows<Type, 1>(block, outputs);
    block.x += block.x_stride;
    block.y += block.y_stride;
  }
}

// One row: the weights are read once. Rows of them that lie `apart` are read side by side, because
// one core brings more from memory where it follows several streams.
template <typename Type, int kOutputs>
void multiply_one_row(const LinearTile& tile, int64_t first_output, int64_t apart) {
  for (int64_t o = first_output; o < first_output + apart; ++o) {
    for (int64_t n = 0; n < tile.inputs; n += kInputBlock) {
      multiply<Type, 1, kOutputs>(
          {.x = tile.x + n,
           .weight = tile.weight + (o * tile.inputs + n) * Type::kBytes,
           .y = tile.y + o,
           .x_stride = 0,
           .weight_stride_bytes = apart * tile.inputs * Type::kBytes,
           .y_stride = 0,
           .output_stride = apart,
           .inputs = n + kInputBlock < tile.inputs ? kInputBlock : tile.inputs - n,
           .first = n == 0});
    }
  }
}

template <typename Type>
void linear_one_row(const LinearTile& tile) {
  const int64_t outputs = tile.last_output - tile.first_output;
  const int64_t apart = outputs / kOutputTile;
  const int64_t rest = outputs % kOutputTile;
  multiply_one_row<Type, kOutputTile>(tile, tile.first_output, apart);
  multiply_one_row<Type, 1>(tile, tile.last_output - rest, rest);
}

template <typename Type>
void linear_rows(const LinearTile& tile) {
  // Few rows: weights are widened in registers. Many: once into `widened`, then used by all rows.
  const bool widen_first = tile.rows > kRowTile && Type::kBytes != sizeof(float);
  alignas(64) float widened[kOutputBlock * kInputBlock];
  for (int64_t o = tile.first_output; o < tile.last_output; o += kOutputBlock) {
    const int64_t outputs =
        o + kOutputBlock < tile.last_output ? kOutputBlock : tile.last_output - o;
    for (int64_t n = 0; n < tile.inputs; n += kInputBlock) {
      const int64_t inputs = n + kInputBlock < tile.inputs ? kInputBlock : tile.inputs - n;
      const std::byte* weight = tile.weight + (o * tile.inputs + n) * Type::kBytes;
      Block block{.x = tile.x + n,
                  .weight = weight,
                  .y = tile.y + o,
                  .x_stride = tile.inputs,
                  .weight_stride_bytes = tile.inputs * Type::kBytes,
                  .y_stride = tile.outputs,
                  .output_stride = 1,
                  .inputs = inputs,
                  .first = n == 0};
      if (!widen_first) {
        multiply_all<Type>(block, tile.rows, outputs);
        continue;
      }
      for (int64_t row = 0; row < outputs; ++row) {
        widen_as<Type>(weight + row * tile.inputs * Type::kBytes, inputs,
                       widened + row * kInputBlock);
      }
      block.weight = reinterpret_cast<const std::byte*>(widened);
      block.weight_stride_bytes = kInputBlock * static_cast<int64_t>(sizeof(float));
      multiply_all<F32>(block, tile.rows, outputs);
    }
  }
}

template <typename Type>
void linear_as(const LinearTile& tile) {
  tile.rows == 1 ? linear_one_row<Type>(tile) : linear_rows<Type>(tile);
  if (tile.bias == nullptr) return;
  for (int64_t r = 0; r < tile.rows; ++r) {
    for (int64_t o = tile.first_output; o < tile.last_output; ++o)
      tile.y[r * tile.outputs + o] += tile.bias[o];
  }
}

void linear(const LinearTile& tile) {
  switch (tile.dtype) {
    case DType::kF16:
      return linear_as<F16>(tile);
    case DType::kBF16:
      return linear_as<BF16>(tile);
    default:
      return linear_as<F32>(tile);
  }
}

float sum_of(const float* x, int64_t count) {
  Vec total = splat(0.0F);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) total += load(x + i);
  if (i < count) total += load_first(x + i, count - i);
  return sum(total);
}

// Σ (x - mean)²
float sum_of_squares(const float* x, int64_t count, float mean) {
  Vec total = splat(0.0F);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Vec difference = load(x + i) - mean;
    total = fma(difference, difference, total);
  }
  if (i < count) {
    const Vec difference = load_first(x + i, count - i, mean) - mean;
    total = fma(difference, difference, total);
  }
  return sum(total);
}

void layer_norm_row(const float* x, const float* weight, const float* bias, double epsilon,
                    int64_t width, float* y) {
  const auto n = static_cast<float>(width);
  const float mean = sum_of(x, width) / n;
  const float variance = sum_of_squares(x, width, mean) / n;
  const auto scale = static_cast<float>(1.0 / std::sqrt(double{variance} + epsilon));
  for (int64_t i = 0; i < width; ++i) y[i] = (x[i] - mean) * scale * weight[i] + bias[i];
}

void rms_norm_row(const float* x, const float* weight, double epsilon, int64_t width, float* y) {
  const float squares = sum_of_squares(x, width, 0.0F);
  const double mean = double{squares} / static_cast<double>(width);
  const auto scale = static_cast<float>(1.0 / std::sqrt(mean + epsilon));
  for (int64_t i = 0; i < width; ++i) y[i] = x[i] * scale * weight[i];
}

void gelu_erf(const float* x, int64_t count, float* y) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(gelu(load(x + i)), y + i);
  if (i < count) store_first(gelu(load_first(x + i, count - i)), count - i, y + i);
}

void silu_mul(const float* gate, const float* up, int64_t count, float* y) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(silu(load(gate + i)) * load(up + i), y + i);
  if (i < count) {
    const int64_t rest = count - i;
    store_first(silu(load_first(gate + i, rest)) * load_first(up + i, rest), rest, y + i);
  }
}

void rotate_head(const float* cosine, const float* sine, int64_t half, float* head) {
  int64_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    const Vec c = load(cosine + i), s = load(sine + i);
    const Vec first = load(head + i), second = load(head + half + i);
    store(first * c - second * s, head + i);
    store(second * c + first * s, head + half + i);
  }
  for (; i < half; ++i) {
    const float first = head[i], second = head[half + i];
    head[i] = first * cosine[i] - second * sine[i];
    head[half + i] = second * cosine[i] + first * sine[i];
  }
}

void softmax_row(const float* x, int64_t count, float* y) {
  const float lowest = -__builtin_inff();
  Vec top = splat(lowest);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) top = max(top, load(x + i));
  if (i < count) top = max(top, load_first(x + i, count - i, lowest));
  const float shift = largest(top);
  Vec total = splat(0.0F);
  for (i = 0; i + kLanes <= count; i += kLanes) {
    const Vec e = exp(load(x + i) - shift);
    total += e;
    store(e, y + i);
  }
  if (i < count) {
    const Vec e = exp(load_first(x + i, count - i, lowest) - shift);  // the padding gives 0
    total += e;
    store_first(e, count - i, y + i);
  }
  const float scale = 1.0F / sum(total);
  for (i = 0; i < count; ++i) y[i] *= scale;
}
