#include "ops/reference/reference_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "ops/kv_slot.h"

namespace stapes {
namespace {

// y = Σ softmax(q · key(t) / sqrt(W)) value(t) over t in [0, keys); key(t, i) is component i.
void attend(const float* q, int64_t width, int64_t keys,
            const std::function<float(int64_t, int64_t)>& key,
            const std::function<float(int64_t, int64_t)>& value, float* y) {
  std::vector<double> weights(static_cast<size_t>(keys));
  for (int64_t t = 0; t < keys; ++t) {
    double sum = 0;
    for (int64_t i = 0; i < width; ++i) sum += double{q[i]} * double{key(t, i)};
    weights[static_cast<size_t>(t)] = sum / std::sqrt(static_cast<double>(width));
  }
  const double largest = *std::ranges::max_element(weights);
  double total = 0;
  for (double& weight : weights) total += weight = std::exp(weight - largest);
  for (int64_t i = 0; i < width; ++i) {
    double sum = 0;
    for (int64_t t = 0; t < keys; ++t) sum += weights[static_cast<size_t>(t)] * double{value(t, i)};
    y[i] = static_cast<float>(sum / total);
  }
}

}  // namespace

void reference_attention(const op::AttentionBidirectional& args) {
  const int64_t row_width = static_cast<int64_t>(args.q.size()) / args.frames;
  const int64_t width = row_width / args.heads;
  for (int64_t s = 0; s < args.frames; ++s) {
    for (int64_t head = 0; head < args.heads; ++head) {
      const int64_t column = head * width;
      attend(
          args.q.data() + s * row_width + column, width, args.valid_keys,
          [&](int64_t t, int64_t i) {
            return args.k[static_cast<size_t>(t * row_width + column + i)];
          },
          [&](int64_t t, int64_t i) {
            return args.v[static_cast<size_t>(t * row_width + column + i)];
          },
          args.y.data() + s * row_width + column);
    }
  }
}

void reference_kv_write(const op::KvWrite& args) {
  const int64_t row_width = args.kv_heads * args.head_width;
  for (const RaggedSequence& sequence : args.sequences) {
    for (int64_t r = 0; r < sequence.rows; ++r) {
      const int64_t from = (sequence.first_row + r) * row_width;
      write_kv_row(sequence.kv, args.kv_heads, args.head_width, sequence.start_position + r,
                   args.k.data() + from, args.v.data() + from);
    }
  }
}

void reference_attention(const op::AttentionPaged& args) {
  const int64_t group = args.heads / args.kv_heads;
  for (const RaggedSequence& sequence : args.sequences) {
    for (int64_t r = 0; r < sequence.rows; ++r) {
      for (int64_t head = 0; head < args.heads; ++head) {
        const int64_t at = ((sequence.first_row + r) * args.heads + head) * args.head_width;
        const KvSlot slot{.kv = &sequence.kv, .head = head / group, .head_width = args.head_width};
        const int64_t keys = sequence.start_position + r + 1;
        std::vector<float> key(static_cast<size_t>(keys * args.head_width));
        std::vector<float> value(key.size());
        for (int64_t t = 0; t < keys; ++t) {
          read_key(slot, t, key.data() + t * args.head_width);
          read_value(slot, t, value.data() + t * args.head_width);
        }
        const auto of = [&](const std::vector<float>& rows) {
          return [&](int64_t t, int64_t i) {
            return rows[static_cast<size_t>(t * args.head_width + i)];
          };
        };
        attend(args.q.data() + at, args.head_width, keys, of(key), of(value), args.y.data() + at);
      }
    }
  }
}

}  // namespace stapes
