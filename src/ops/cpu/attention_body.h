// Attention of a few queries to a chunk of keys and values in f32 or bf16, for one level. Included
// by the kernels_LEVEL.cc of the levels after kernels_body.h.
//
// Every score is one sum over the width in order, every output one sum over the keys in order: a
// query has the same bits alone and beside others.

constexpr int kQueryTile = 6;   // queries and ...
constexpr int kVectorTile = 4;  // ... vectors of keys (or of the width) whose sums are in registers
// Keys that all queries use before the next ones are read: they stay in the first-level cache.
constexpr int64_t kBlockKeys = kVectorTile * kLanes;
constexpr int64_t kMostWidened = 128;  // widest head whose bf16 keys are widened for many queries

// A block's keys by vectors; a vector beyond the last key stands for the last one again.
struct KeyBlock {
  const std::byte* vectors[kVectorTile];
  int64_t stride_bytes;  // from one component to the next
};

template <typename Type>
KeyBlock key_block(const AttentionChunk& c, int64_t first_key) {
  KeyBlock block;
  block.stride_bytes = c.key_stride_bytes;
  const int64_t last = (c.keys - 1) / kLanes;
  for (int v = 0; v < kVectorTile; ++v) {
    const int64_t vector = first_key / kLanes + v < last ? first_key / kLanes + v : last;
    block.vectors[v] =
        c.key_runs[vector * kLanes / kKeyRun] + vector * kLanes % kKeyRun * Type::kBytes;
  }
  return block;
}

// The same in f32, in `widened` [W, kBlockKeys].
template <typename Type>
KeyBlock widen_keys(const AttentionChunk& c, const KeyBlock& narrow, float* widened) {
  for (int64_t i = 0; i < c.width; ++i) {
    for (int v = 0; v < kVectorTile; ++v)
      store(Type::load(narrow.vectors[v] + i * narrow.stride_bytes),
            widened + i * kBlockKeys + v * kLanes);
  }
  KeyBlock block;
  block.stride_bytes = kBlockKeys * F32::kBytes;
  for (int v = 0; v < kVectorTile; ++v)
    block.vectors[v] = reinterpret_cast<const std::byte*>(widened + v * kLanes);
  return block;
}

// What is fetched beside the last block of keys: the first runs of values, whose bytes are walked
// in as many steps as a key has components.
template <typename Type>
KeyBlock first_values(const AttentionChunk& c) {
  KeyBlock block;
  block.stride_bytes = kKeyRun * Type::kBytes;
  const int64_t last = (c.keys - 1) / kKeyRun;
  for (int v = 0; v < kVectorTile; ++v) block.vectors[v] = c.value_runs[v < last ? v : last];
  return block;
}

// scores[query, key] = q[query] · key for kQueries queries and the keys of a block.
// `ahead`, where given: the next block, which is fetched meanwhile.
template <typename Type, int kQueries>
void score_tile(const AttentionChunk& c, const KeyBlock& block, int64_t query, int64_t first_key,
                const KeyBlock* ahead) {
  const float* q = c.q + query * c.width;
  Vec sums[kQueries][kVectorTile];
#pragma GCC unroll 8
  for (int g = 0; g < kQueries; ++g) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectorTile; ++v) sums[g][v] = splat(0.0F);
  }
  for (int64_t i = 0; i < c.width; ++i) {
    Vec key[kVectorTile];
#pragma GCC unroll 8
    for (int v = 0; v < kVectorTile; ++v)
      key[v] = Type::load(block.vectors[v] + i * block.stride_bytes);
    if (ahead != nullptr && i * ahead->stride_bytes % kLineBytes == 0) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectorTile; ++v)
        __builtin_prefetch(ahead->vectors[v] + i * ahead->stride_bytes);
    }
#pragma GCC unroll 8
    for (int g = 0; g < kQueries; ++g) {
      const Vec component = splat(q[g * c.width + i]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectorTile; ++v) sums[g][v] = fma(component, key[v], sums[g][v]);
    }
  }
  const int64_t stride = attention_score_stride(c.keys);
#pragma GCC unroll 8
  for (int g = 0; g < kQueries; ++g) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectorTile; ++v)
      store(sums[g][v], c.scores + (query + g) * stride + first_key + v * kLanes);
  }
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
    const Vec e = exp_of_negative(load(scores + i) - shift);
    total += e;
    store(e, scores + i);
  }
  for (; i < stride; i += kLanes) store(splat(0.0F), scores + i);
  c.largest[query] = shift;
  c.total[query] = sum(total);
}

// A block's values: rows of W, `stride_bytes` apart within a run of kKeyRun.
struct ValueBlock {
  const std::byte* const* runs;
  int64_t stride_bytes;
  int64_t first_key, keys;
};

// y[query] += Σ score[query, key] · value[key] over a block's keys, for kQueries queries and
// kVectors vectors of the width from column `column` on.
template <typename Type, int kQueries, int kVectors>
void value_tile(const AttentionChunk& c, const ValueBlock& block, int64_t query, int64_t column) {
  const int64_t stride = attention_score_stride(c.keys);
  const float* scores = c.scores + query * stride + block.first_key;
  float* y = c.y + query * c.width + column;
  Vec sums[kQueries][kVectors];
#pragma GCC unroll 8
  for (int g = 0; g < kQueries; ++g) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v)
      sums[g][v] = block.first_key == 0 ? splat(0.0F) : load(y + g * c.width + v * kLanes);
  }
  for (int64_t run = 0; run < block.keys; run += kKeyRun) {
    const std::byte* value = block.runs[run / kKeyRun] + column * Type::kBytes;
    const int64_t end = run + kKeyRun < block.keys ? run + kKeyRun : block.keys;
    for (int64_t key = run; key < end; ++key, value += block.stride_bytes) {
      if (block.first_key + run + 2 * kKeyRun < c.keys) {  // the same row two runs on
        const std::byte* ahead = block.runs[run / kKeyRun + 2] + column * Type::kBytes +
                                 key % kKeyRun * block.stride_bytes;
#pragma GCC unroll 8
        for (int64_t line = 0; line < kVectors * kLanes * Type::kBytes; line += kLineBytes)
          __builtin_prefetch(ahead + line);
      }
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
    for (int v = 0; v < kVectors; ++v) store(sums[g][v], y + g * c.width + v * kLanes);
  }
}

// The last width % kLanes columns.
template <typename Type>
void value_rest(const AttentionChunk& c, const ValueBlock& block, int64_t query, int64_t column) {
  const int64_t rest = c.width - column;
  const float* scores = c.scores + query * attention_score_stride(c.keys) + block.first_key;
  float* y = c.y + query * c.width + column;
  Vec sums = block.first_key == 0 ? splat(0.0F) : load_first(y, rest);
  for (int64_t key = 0; key < block.keys; ++key) {
    const std::byte* value = block.runs[key / kKeyRun] + key % kKeyRun * block.stride_bytes;
    sums = fma(splat(scores[key]), load_first_of<Type>(value + column * Type::kBytes, rest), sums);
  }
  store_first(sums, rest, y);
}

template <typename Type, int kQueries>
void value_queries(const AttentionChunk& c, const ValueBlock& block, int64_t query) {
  int64_t column = 0;
  for (; column + kVectorTile * kLanes <= c.width; column += kVectorTile * kLanes)
    value_tile<Type, kQueries, kVectorTile>(c, block, query, column);
  for (; column + kLanes <= c.width; column += kLanes)
    value_tile<Type, kQueries, 1>(c, block, query, column);
  if (column == c.width) return;
  for (int g = 0; g < kQueries; ++g) value_rest<Type>(c, block, query + g, column);
}

// Calls run<kQueries>(first query) for tiles of kQueryTile queries and for the rest.
template <typename Run>
void for_query_tiles(int64_t queries, const Run& run) {
  int64_t query = 0;
  for (; query + kQueryTile <= queries; query += kQueryTile)
    run.template operator()<kQueryTile>(query);
  switch (queries - query) {
    case 5:
      return run.template operator()<5>(query);
    case 4:
      return run.template operator()<4>(query);
    case 3:
      return run.template operator()<3>(query);
    case 2:
      return run.template operator()<2>(query);
    case 1:
      return run.template operator()<1>(query);
    default:
      return;
  }
}

template <typename Type>
void attend_chunk_as(const AttentionChunk& c) {
  // Many queries: a block of bf16 is widened once for all of them (which changes no bit).
  const bool widen =
      Type::kBytes != F32::kBytes && c.queries > kQueryTile && c.width <= kMostWidened;
  alignas(64) float widened[kMostWidened * kBlockKeys];
  for (int64_t first = 0; first < c.keys; first += kBlockKeys) {
    KeyBlock block = key_block<Type>(c, first);
    const KeyBlock next = first + kBlockKeys < c.keys ? key_block<Type>(c, first + kBlockKeys)
                                                      : first_values<Type>(c);
    if (widen) block = widen_keys<Type>(c, block, widened);
    for_query_tiles(c.queries, [&]<int kQueries>(int64_t query) {
      const KeyBlock* ahead = query == 0 ? &next : nullptr;
      widen ? score_tile<F32, kQueries>(c, block, query, first, ahead)
            : score_tile<Type, kQueries>(c, block, query, first, ahead);
    });
  }
  for (int64_t query = 0; query < c.queries; ++query) exponentials(c, query);
  constexpr int64_t kBlockValues = 64;
  for (int64_t first = 0; first < c.keys; first += kBlockValues) {
    const ValueBlock block{.runs = c.value_runs + first / kKeyRun,
                           .stride_bytes = c.value_stride_bytes,
                           .first_key = first,
                           .keys = first + kBlockValues < c.keys ? kBlockValues : c.keys - first};
    for_query_tiles(c.queries, [&]<int kQueries>(int64_t query) {
      value_queries<Type, kQueries>(c, block, query);
    });
  }
}
