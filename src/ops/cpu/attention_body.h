// Attention of a few queries to a chunk of keys and values, for one level. Included by the
// kernels_LEVEL.cc of the levels after kernels_body.h.
//
// Every score is one sum over the width in order, every output one sum over the keys in order: a
// query has the same bits alone and beside others.

constexpr int64_t kRunVectors = kKeyRun / kLanes;
constexpr int kQueryTile = 6;   // queries and ...
constexpr int kVectorTile = 4;  // ... vectors of keys (or of the width) whose sums are in registers

// scores[query, key] = q[query] · key, for kQueries queries and kVectors vectors of keys.
template <typename Type, int kQueries, int kVectors>
void score_tile(const AttentionChunk& c, int64_t query, int64_t vector) {
  const std::byte* keys[kVectors];
#pragma GCC unroll 8
  for (int v = 0; v < kVectors; ++v) {
    const int64_t at = vector + v;
    keys[v] = c.key_runs[at / kRunVectors] + at % kRunVectors * kLanes * Type::kBytes;
  }
  const float* q = c.q + query * c.width;
  Vec sums[kQueries][kVectors];
#pragma GCC unroll 8
  for (int g = 0; g < kQueries; ++g) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[g][v] = splat(0.0F);
  }
  for (int64_t i = 0; i < c.width; ++i) {
    Vec key[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) key[v] = Type::load(keys[v] + i * c.key_stride_bytes);
#pragma GCC unroll 8
    for (int g = 0; g < kQueries; ++g) {
      const Vec component = splat(q[g * c.width + i]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) sums[g][v] = fma(component, key[v], sums[g][v]);
    }
  }
  const int64_t stride = attention_score_stride(c.keys);
#pragma GCC unroll 8
  for (int g = 0; g < kQueries; ++g) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      store(sums[g][v], c.scores + (query + g) * stride + (vector + v) * kLanes);
  }
}

template <typename Type, int kQueries>
void score_queries(const AttentionChunk& c, int64_t query) {
  const int64_t vectors = (c.keys + kLanes - 1) / kLanes;
  int64_t vector = 0;
  for (; vector + kVectorTile <= vectors; vector += kVectorTile)
    score_tile<Type, kQueries, kVectorTile>(c, query, vector);
  for (; vector < vectors; ++vector) score_tile<Type, kQueries, 1>(c, query, vector);
}

// scores = e^(score - largest) of the keys that the query sees, 0 of the others.
void exponentials(const AttentionChunk& c, int64_t query) {
  const int64_t stride = attention_score_stride(c.keys);
  const int64_t visible = c.visible[query];
  float* scores = c.scores + query * stride;
  const float lowest = -__builtin_inff();
  Vec top = splat(lowest);
  int64_t i = 0;
  for (; i + kLanes <= visible; i += kLanes) top = max(top, load(scores + i));
  if (i < visible) {
    const Vec last = load_first(scores + i, visible - i, lowest);
    store(last, scores + i);
    top = max(top, last);
  }
  const float shift = largest(top);
  Vec total = splat(0.0F);
  for (i = 0; i < visible; i += kLanes) {
    const Vec e = exp(load(scores + i) - shift);
    total += e;
    store(e, scores + i);
  }
  for (; i < stride; i += kLanes) store(splat(0.0F), scores + i);
  c.largest[query] = shift;
  c.total[query] = sum(total);
}

// y[query] = Σ score[query, key] · value[key], for kQueries queries and kVectors vectors of the
// width from column `column` on.
template <typename Type, int kQueries, int kVectors>
void value_tile(const AttentionChunk& c, int64_t query, int64_t column) {
  const int64_t stride = attention_score_stride(c.keys);
  const float* scores = c.scores + query * stride;
  Vec sums[kQueries][kVectors];
#pragma GCC unroll 8
  for (int g = 0; g < kQueries; ++g) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) sums[g][v] = splat(0.0F);
  }
  for (int64_t run = 0; run < c.keys; run += kKeyRun) {
    const std::byte* value = c.value_runs[run / kKeyRun] + column * Type::kBytes;
    const int64_t end = run + kKeyRun < c.keys ? run + kKeyRun : c.keys;
    for (int64_t key = run; key < end; ++key, value += c.value_stride_bytes) {
      Vec part[kVectors];
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) part[v] = Type::load(value + v * kLanes * Type::kBytes);
#pragma GCC unroll 8
      for (int g = 0; g < kQueries; ++g) {
        const Vec weight = splat(scores[g * stride + key]);
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) sums[g][v] = fma(weight, part[v], sums[g][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int g = 0; g < kQueries; ++g) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      store(sums[g][v], c.y + (query + g) * c.width + column + v * kLanes);
  }
}

// The last width % kLanes columns.
template <typename Type>
void value_rest(const AttentionChunk& c, int64_t query, int64_t column) {
  const int64_t rest = c.width - column;
  const float* scores = c.scores + query * attention_score_stride(c.keys);
  Vec sums = splat(0.0F);
  for (int64_t key = 0; key < c.keys; ++key) {
    const std::byte* value = c.value_runs[key / kKeyRun] + key % kKeyRun * c.value_stride_bytes;
    sums = fma(splat(scores[key]), load_first_of<Type>(value + column * Type::kBytes, rest), sums);
  }
  store_first(sums, rest, c.y + query * c.width + column);
}

template <typename Type, int kQueries>
void attend_queries(const AttentionChunk& c, int64_t query) {
  score_queries<Type, kQueries>(c, query);
  for (int g = 0; g < kQueries; ++g) exponentials(c, query + g);
  int64_t column = 0;
  for (; column + kVectorTile * kLanes <= c.width; column += kVectorTile * kLanes)
    value_tile<Type, kQueries, kVectorTile>(c, query, column);
  for (; column + kLanes <= c.width; column += kLanes)
    value_tile<Type, kQueries, 1>(c, query, column);
  if (column == c.width) return;
  for (int g = 0; g < kQueries; ++g) value_rest<Type>(c, query + g, column);
}

template <typename Type>
void attend_chunk_as(const AttentionChunk& c) {
  int64_t query = 0;
  for (; query + kQueryTile <= c.queries; query += kQueryTile)
    attend_queries<Type, kQueryTile>(c, query);
  switch (c.queries - query) {
    case 5:
      return attend_queries<Type, 5>(c, query);
    case 4:
      return attend_queries<Type, 4>(c, query);
    case 3:
      return attend_queries<Type, 3>(c, query);
    case 2:
      return attend_queries<Type, 2>(c, query);
    case 1:
      return attend_queries<Type, 1>(c, query);
    default:
      return;
  }
}

void attend_chunk(const AttentionChunk& c) {
  c.dtype == DType::kBF16 ? attend_chunk_as<BF16>(c) : attend_chunk_as<F32>(c);
}
