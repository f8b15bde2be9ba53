// Attention over keys and values in integers (ops/kv_slot.h) for one level, and the choice among
// all dtypes. Included by the kernels_LEVEL.cc of the levels after attention_body.h and
// int16_body.h.
//
// The queries and the weights of the values become integers too, so that one instruction multiplies
// and adds four (kI8) or two (kI16) of them:
//   kI8   queries and weights have 16 bits, in two parts of 8: x = 256 high + low;
//   kI16  queries have 14 bits and weights 12: 32 products, or those of 64 keys, fit into 32 bits.
// A query has one scale for a block of kKeyScaleBlock components, its weights one for kWeightBlock
// keys; both blocks begin at multiples, so a query has the same bits alone and beside others.

constexpr int64_t kWeightBlock = 64;
constexpr int64_t kRunsAhead = kWeightBlock / kKeyRun;  // how far ahead memory is fetched

struct Attend8 {
  static constexpr int64_t kGroup = 4;
  static constexpr int kParts = 2;
  static constexpr float kQueryLimit = 32639.0F, kWeightLimit = 32639.0F;  // high stays below 128

  // Vectors of keys beside kQueries queries: as many sums as there are registers.
  static constexpr int key_vectors(int queries) { return queries > 4 ? 1 : queries > 2 ? 2 : 4; }
  static constexpr int value_vectors(int queries) { return queries > 4 ? 2 : 4; }

  [[gnu::always_inline]] static VecI dot(const VecI& sum, const VecI& stored, int32_t x) {
    return dot4(sum, stored, x);
  }
  [[gnu::always_inline]] static VecI join(const VecI (&parts)[kParts]) {
    return (parts[0] << 8) + parts[1];
  }
};

struct Attend16 {
  static constexpr int64_t kGroup = 2;
  static constexpr int kParts = 1;
  static constexpr float kQueryLimit = 8191.0F, kWeightLimit = 4095.0F;

  static constexpr int key_vectors(int queries) { return queries > 4 ? 2 : 4; }
  static constexpr int value_vectors(int) { return 4; }

  [[gnu::always_inline]] static VecI dot(const VecI& sum, const VecI& stored, int32_t x) {
    return dot2(sum, stored, x);
  }
  [[gnu::always_inline]] static VecI join(const VecI (&parts)[kParts]) { return parts[0]; }
};

// A block of kMost numbers of one query as integers; the rest of the block is 0.
template <typename Type, int64_t kMost>
struct PackedBlock {
  int32_t words[Type::kParts][kMost / Type::kGroup];
  int32_t start[Type::kParts];  // what sums begin with: stored bytes are 128 too large
  float scale;

  // `values` [kMost] are at most `largest`, in absolute value.
  void pack(const float* values, float largest, float limit) {
    const Vec to_integer = splat(largest > 0 ? limit / largest : 0.0F);
    scale = largest / limit;
    VecI sums[Type::kParts] = {};
#pragma GCC unroll 16
    for (int64_t i = 0; i < kMost; i += kLanes) {
      const VecI x = rounded(load(values + i), to_integer);
      if constexpr (Type::kParts == 2) {
        const VecI high = (x + 128) >> 8;
        const VecI low = x - (high << 8);
        sums[0] += high;
        sums[1] += low;
        put(__builtin_convertvector(high, VecI8), words[0], i);
        put(__builtin_convertvector(low, VecI8), words[1], i);
      } else {
        put(__builtin_convertvector(x, VecI16), words[0], i);
      }
    }
    if constexpr (Type::kParts == 2) {
      for (int part = 0; part < Type::kParts; ++part) start[part] = -128 * sum(sums[part]);
    }
  }

  [[gnu::always_inline]] VecI first(int part) const {
    if constexpr (Type::kParts == 1) return VecI{};
    return VecI{} + start[part];
  }

 private:
  template <typename Integers>
  void put(const Integers& integers, int32_t* to, int64_t i) {
    std::memcpy(reinterpret_cast<char*>(to) + i * 4 / Type::kGroup, &integers, sizeof integers);
  }
};

template <typename Type>
using PackedQuery = PackedBlock<Type, kKeyScaleBlock>;
template <typename Type>
using PackedWeights = PackedBlock<Type, kWeightBlock>;

float largest_magnitude(const float* values, int64_t count) {
  Vec largest_of = splat(0.0F);
  for (int64_t i = 0; i < count; i += kLanes) {
    const Vec v = load(values + i);
    largest_of = max(largest_of, max(v, -v));
  }
  return largest(largest_of);
}

template <typename Type>
void pack_query(const AttentionChunk& c, int64_t query, PackedQuery<Type>* packed) {
  for (int64_t first = 0; first < c.width; first += kKeyScaleBlock) {
    const int64_t count = c.width - first < kKeyScaleBlock ? c.width - first : kKeyScaleBlock;
    alignas(64) float block[kKeyScaleBlock] = {};
    std::memcpy(block, c.q + query * c.width + first, static_cast<size_t>(count) * sizeof(float));
    (packed++)->pack(block, largest_magnitude(block, kKeyScaleBlock), Type::kQueryLimit);
  }
}

// The query's weights times the values' scales, in blocks of keys.
template <typename Type>
void pack_weights(const AttentionChunk& c, int64_t query, PackedWeights<Type>* packed) {
  const float* weights = c.scores + query * attention_score_stride(c.keys);
  const int64_t visible = c.visible[query];
  for (int64_t first = 0; first < c.keys; first += kWeightBlock) {
    alignas(64) float block[kWeightBlock];
    Vec most = splat(0.0F);
    for (int64_t i = 0; i < kWeightBlock; i += kLanes) {
      const int64_t key = first + i;
      Vec scaled = splat(0.0F);
      if (key < visible) {  // what lies beyond has no scale yet
        const float* scales = c.value_scale_runs[key / kKeyRun] + key % kKeyRun;
        scaled = load(weights + key) *
                 (key + kLanes <= visible ? load(scales) : load_first(scales, visible - key));
      }
      most = max(most, scaled);
      store(scaled, block + i);
    }
    (packed++)->pack(block, largest(most), Type::kWeightLimit);
  }
}

// scores[query, key] = q[query] · key for kQueries queries and the keys of kVectors vectors.
template <typename Type, int kQueries, int kVectors>
void integer_score_tile(const AttentionChunk& c, const PackedQuery<Type>* q, int64_t query,
                        int64_t first_key) {
  const int64_t blocks = (c.width + kKeyScaleBlock - 1) / kKeyScaleBlock;
  const std::byte* keys[kVectors];
  const float* scales[kVectors];
  const std::byte* ahead[kVectors];
  const float* scales_ahead[kVectors];
  const bool fetch_ahead = query == 0;  // the other queries find what this one has fetched
  const int64_t last_run = (c.keys - 1) / kKeyRun;
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    const int64_t key = first_key + v * kLanes;
    const int64_t run = key / kKeyRun < last_run ? key / kKeyRun : last_run;
    const int64_t next = run + kRunsAhead < last_run ? run + kRunsAhead : last_run;
    keys[v] = c.key_runs[run] + key % kKeyRun * 4;
    scales[v] = c.key_scale_runs[run] + key % kKeyRun;
    ahead[v] = c.key_runs[next] + key % kKeyRun * 4;
    scales_ahead[v] = c.key_scale_runs[next] + key % kKeyRun;
  }
  Vec scores[kQueries][kVectors];
#pragma GCC unroll 8
  for (int g = 0; g < kQueries; ++g) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) scores[g][v] = splat(0.0F);
  }
  for (int64_t block = 0; block < blocks; ++block) {
    const PackedQuery<Type>* of_block = q + query * blocks + block;
    VecI sums[kQueries][kVectors][Type::kParts];
#pragma GCC unroll 8
    for (int g = 0; g < kQueries; ++g) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 2
        for (int p = 0; p < Type::kParts; ++p) sums[g][v][p] = of_block[g * blocks].first(p);
      }
    }
    const int64_t rest = c.width - block * kKeyScaleBlock;
    const int64_t groups =
        ((rest < kKeyScaleBlock ? rest : kKeyScaleBlock) + Type::kGroup - 1) / Type::kGroup;
    for (int64_t i = 0; i < groups; ++i) {
      VecI key[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        std::memcpy(&key[v], keys[v], sizeof(VecI));
        keys[v] += c.key_stride_bytes;
      }
      if (fetch_ahead) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) {
          __builtin_prefetch(ahead[v]);
          ahead[v] += c.key_stride_bytes;
        }
      }
#pragma GCC unroll 8
      for (int g = 0; g < kQueries; ++g) {
#pragma GCC unroll 2
        for (int p = 0; p < Type::kParts; ++p) {
          const int32_t x = of_block[g * blocks].words[p][i];
#pragma GCC unroll 8
          for (int v = 0; v < kVectors; ++v) sums[g][v][p] = Type::dot(sums[g][v][p], key[v], x);
        }
      }
    }
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const Vec scale = load(scales[v] + block * c.key_scale_stride);
      if (fetch_ahead) {
        __builtin_prefetch(scales_ahead[v]);
        scales_ahead[v] += c.key_scale_stride;
      }
#pragma GCC unroll 8
      for (int g = 0; g < kQueries; ++g) {
        scores[g][v] = fma(__builtin_convertvector(Type::join(sums[g][v]), Vec),
                           scale * splat(of_block[g * blocks].scale), scores[g][v]);
      }
    }
  }
  const int64_t stride = attention_score_stride(c.keys);
#pragma GCC unroll 8
  for (int g = 0; g < kQueries; ++g) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      store(scores[g][v], c.scores + (query + g) * stride + first_key + v * kLanes);
  }
}

// y[query] += Σ weight[query, key] · value[key] over a block of keys, for kQueries queries and
// kVectors vectors of the width from column `column` on.
template <typename Type, int kQueries, int kVectors>
void integer_value_tile(const AttentionChunk& c, const PackedWeights<Type>* weights, int64_t query,
                        int64_t first_key, int64_t column) {
  const int64_t blocks = (c.keys + kWeightBlock - 1) / kWeightBlock;
  const PackedWeights<Type>* of_block = weights + query * blocks + first_key / kWeightBlock;
  VecI sums[kQueries][kVectors][Type::kParts];
#pragma GCC unroll 8
  for (int g = 0; g < kQueries; ++g) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
#pragma GCC unroll 2
      for (int p = 0; p < Type::kParts; ++p) sums[g][v][p] = of_block[g * blocks].first(p);
    }
  }
  const int64_t end = first_key + kWeightBlock < c.keys ? first_key + kWeightBlock : c.keys;
  const bool fetch_ahead = query == 0;
  int64_t word = 0;
  for (int64_t key = first_key; key < end; key += kKeyRun) {
    const int64_t run = key / kKeyRun;
    const int64_t next = key + kRunsAhead * kKeyRun < c.keys ? run + kRunsAhead : run;
    const std::byte* value = c.value_runs[run] + column * 4;
    const std::byte* ahead = c.value_runs[next] + column * 4;
    for (int64_t i = 0; i < kKeyRun / Type::kGroup; ++i, ++word) {
      VecI part[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        std::memcpy(&part[v], value + v * kLanes * 4, sizeof(VecI));
      }
      value += c.value_stride_bytes;
      if (fetch_ahead) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) __builtin_prefetch(ahead + v * kLanes * 4);
        ahead += c.value_stride_bytes;
      }
#pragma GCC unroll 8
      for (int g = 0; g < kQueries; ++g) {
#pragma GCC unroll 2
        for (int p = 0; p < Type::kParts; ++p) {
          const int32_t x = of_block[g * blocks].words[p][word];
#pragma GCC unroll 8
          for (int v = 0; v < kVectors; ++v) sums[g][v][p] = Type::dot(sums[g][v][p], part[v], x);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int g = 0; g < kQueries; ++g) {
    float* y = c.y + (query + g) * c.width + column;
    const Vec scale = splat(of_block[g * blocks].scale);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const Vec seen = __builtin_convertvector(Type::join(sums[g][v]), Vec);
      const int64_t columns = c.width - column - v * kLanes;
      float* to = y + v * kLanes;
      if (columns >= kLanes) {
        store(fma(seen, scale, first_key == 0 ? splat(0.0F) : load(to)), to);
      } else if (columns > 0) {
        store_first(fma(seen, scale, first_key == 0 ? splat(0.0F) : load_first(to, columns)),
                    columns, to);
      }
    }
  }
}

template <typename Type, int kQueries>
void integer_value_queries(const AttentionChunk& c, const PackedWeights<Type>* weights,
                           int64_t query, int64_t first_key) {
  constexpr int kVectors = Type::value_vectors(kQueries);
  int64_t column = 0;
  for (; column + (kVectors - 1) * kLanes < c.width; column += kVectors * kLanes)
    integer_value_tile<Type, kQueries, kVectors>(c, weights, query, first_key, column);
  for (; column < c.width; column += kLanes)
    integer_value_tile<Type, kQueries, 1>(c, weights, query, first_key, column);
}

template <typename Type>
void attend_integers(const AttentionChunk& c) {
  const int64_t query_blocks = (c.width + kKeyScaleBlock - 1) / kKeyScaleBlock;
  const int64_t weight_blocks = (c.keys + kWeightBlock - 1) / kWeightBlock;
  auto* q = reinterpret_cast<PackedQuery<Type>*>(c.packed);
  auto* weights = reinterpret_cast<PackedWeights<Type>*>(q + c.queries * query_blocks);
  for (int64_t query = 0; query < c.queries; ++query)
    pack_query<Type>(c, query, q + query * query_blocks);
  for (int64_t first = 0; first < c.keys; first += kWeightBlock) {
    for_query_tiles(c.queries, [&]<int kQueries>(int64_t query) {
      constexpr int kVectors = Type::key_vectors(kQueries);
      for (int64_t i = 0; i < kWeightBlock && first + i < c.keys; i += kVectors * kLanes)
        integer_score_tile<Type, kQueries, kVectors>(c, q, query, first + i);
    });
  }
  for (int64_t query = 0; query < c.queries; ++query) {
    exponentials(c, query);
    pack_weights<Type>(c, query, weights + query * weight_blocks);
  }
  for (int64_t first = 0; first < c.keys; first += kWeightBlock) {
    for_query_tiles(c.queries, [&]<int kQueries>(int64_t query) {
      integer_value_queries<Type, kQueries>(c, weights, query, first);
    });
  }
}

// Of the scratch, for either type.
static_assert(sizeof(PackedQuery<Attend8>) <= kPackedQueryBytes);
static_assert(sizeof(PackedQuery<Attend16>) <= kPackedQueryBytes);
static_assert(sizeof(PackedWeights<Attend8>) <= kPackedWeightsBytes);
static_assert(sizeof(PackedWeights<Attend16>) <= kPackedWeightsBytes);

void attend_chunk(const AttentionChunk& c) {
  switch (c.dtype) {
    case DType::kI8:
      return attend_integers<Attend8>(c);
    case DType::kI16:
      return attend_integers<Attend16>(c);
    case DType::kBF16:
      return attend_chunk_as<BF16>(c);
    default:
      return attend_chunk_as<F32>(c);
  }
}
