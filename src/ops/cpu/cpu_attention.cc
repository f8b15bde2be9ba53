// Attention: scores of a group of queries against runs of keys, softmax, weighted sum of the
// values.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "ops/cpu/cpu_ops.h"
#include "ops/kv_slot.h"

namespace stapes {
namespace {

int64_t length(std::span<const float> values) {
  return static_cast<int64_t>(values.size());
}

float score_scale(int64_t head_width) {
  return static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_width)));
}

// The query heads of one row that read the same key/value head, over all pages.
void attend_pages(const Kernels& kernels, const op::AttentionPaged& args, int64_t kv_head,
                  const KvPages& kv, int64_t keys, int64_t row, std::vector<float>& scores) {
  const int64_t width = args.head_width;
  const int64_t group = args.heads / args.kv_heads;
  const int64_t at = (row * args.heads + kv_head * group) * width;
  const KvSlot slot{.head = kv_head, .head_width = width};
  AttentionTile tile{.group = group,
                     .width = width,
                     .key_stride = width,
                     .query_stride = width,
                     .score_stride = keys};
  scores.resize(static_cast<size_t>(group * keys));
  for (int64_t t = 0; t < keys; t += kv.page_tokens) {
    tile.keys = std::min(kv.page_tokens, keys - t);
    kernels.scores(tile, args.q.data() + at, slot.key(kv, t), score_scale(width),
                   scores.data() + t);
  }
  for (int64_t g = 0; g < group; ++g) {
    float* row_scores = scores.data() + g * keys;
    kernels.softmax_row(row_scores, keys, row_scores);
  }
  float* y = args.y.data() + at;
  std::fill_n(y, group * width, 0.0F);
  for (int64_t t = 0; t < keys; t += kv.page_tokens) {
    tile.keys = std::min(kv.page_tokens, keys - t);
    kernels.weighted_sum(tile, scores.data() + t, slot.value(kv, t), y);
  }
}

}  // namespace

void CpuOps::run(const op::AttentionBidirectional& args) const {
  constexpr int64_t kQueries = 8;  // queries that share one pass over the keys
  const int64_t row_width = length(args.q) / args.frames;
  const int64_t width = row_width / args.heads;
  const int64_t blocks = (args.frames + kQueries - 1) / kQueries;
  const int64_t cost = 2 * kQueries * args.valid_keys * width;
  for_chunks(args.heads * blocks, cost, [&](int64_t begin, int64_t end) {
    std::vector<float> scores(static_cast<size_t>(kQueries * args.valid_keys));
    for (int64_t item = begin; item < end; ++item) {
      const int64_t column = item / blocks * width;
      const int64_t first = item % blocks * kQueries;
      const AttentionTile tile{.group = std::min(kQueries, args.frames - first),
                               .keys = args.valid_keys,
                               .width = width,
                               .key_stride = row_width,
                               .query_stride = row_width,
                               .score_stride = args.valid_keys};
      const int64_t at = first * row_width + column;
      kernels_.scores(tile, args.q.data() + at, args.k.data() + column, score_scale(width),
                      scores.data());
      for (int64_t g = 0; g < tile.group; ++g) {
        float* row_scores = scores.data() + g * tile.keys;
        kernels_.softmax_row(row_scores, tile.keys, row_scores);
        std::fill_n(args.y.data() + at + g * row_width, width, 0.0F);
      }
      kernels_.weighted_sum(tile, scores.data(), args.v.data() + column, args.y.data() + at);
    }
  });
}

void CpuOps::run(const op::KvWrite& args) const {
  const auto head_bytes = static_cast<size_t>(args.head_width) * sizeof(float);
  for (const RaggedSequence& sequence : args.sequences) {
    for (int64_t r = 0; r < sequence.rows; ++r) {
      for (int64_t head = 0; head < args.kv_heads; ++head) {
        const int64_t from = ((sequence.first_row + r) * args.kv_heads + head) * args.head_width;
        const KvSlot slot{.head = head, .head_width = args.head_width};
        const int64_t token = sequence.start_position + r;
        std::memcpy(slot.key(sequence.kv, token), args.k.data() + from, head_bytes);
        std::memcpy(slot.value(sequence.kv, token), args.v.data() + from, head_bytes);
      }
    }
  }
}

void CpuOps::run(const op::AttentionPaged& args) const {
  const int64_t rows = length(args.q) / (args.heads * args.head_width);
  std::vector<const RaggedSequence*> sequence_of(static_cast<size_t>(rows));
  int64_t keys_in_all = 0;
  for (const RaggedSequence& sequence : args.sequences) {
    std::fill_n(sequence_of.begin() + sequence.first_row, sequence.rows, &sequence);
    keys_in_all += sequence.rows * (sequence.start_position + sequence.rows);
  }
  const int64_t group = args.heads / args.kv_heads;
  const int64_t cost = 2 * group * args.head_width * (keys_in_all / std::max<int64_t>(rows, 1));
  for_chunks(args.kv_heads * rows, cost, [&](int64_t begin, int64_t end) {
    std::vector<float> scores;
    for (int64_t item = begin; item < end; ++item) {
      const int64_t row = item % rows;
      const RaggedSequence& sequence = *sequence_of[static_cast<size_t>(row)];
      const int64_t keys = sequence.start_position + row - sequence.first_row + 1;
      attend_pages(kernels_, args, item / rows, sequence.kv, keys, row, scores);
    }
  });
}

}  // namespace stapes
