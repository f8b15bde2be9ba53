// Bidirectional and paged attention: every level against the reference, pages against one flat
// page, batches against single sequences, chunks against the whole, and closed-form values.
#include <gtest/gtest.h>

#include <array>

#include "ops/kv_slot.h"
#include "ops/test_support.h"

namespace stapes {
namespace {

using testing::all_near;
using testing::fast_ops;
using testing::identical;
using testing::kF32Epsilon;
using testing::random_values;
using testing::reference_ops;

// Scores of unit normal q and k have sums of W products over sqrt(W): an absolute error of about
// 8 eps sqrt(W), which is the relative error of a weight; values are averaged with these weights
// and summed with an error of some eps. 200 eps covers W <= 130.
double attention_bound() {
  return 200 * kF32Epsilon;
}

// The reference reads the stored integers with queries and weights in double; the kernels round
// those to integers. Half a step of a query is 2^-14 (kI16) or 2^-16 (kI8) of its largest
// component, which is below 4, and a score sums W such errors times keys over sqrt(W): some 4 steps
// at worst. Weights have half a step of 2^-13 or 2^-16 of the largest among 64 keys, and values are
// below 4.
double attention_bound(DType dtype) {
  if (dtype == DType::kI16) return 32 * 0x1p-13;
  if (dtype == DType::kI8) return 32 * 0x1p-16 + attention_bound();
  return attention_bound();
}

TEST(AttentionBidirectional, EveryLevelIsTheReference) {
  Rng rng(1);
  const auto tables = fast_ops();
  for (const int64_t frames : {1, 2, 7, 8, 9, 16, 23, 50}) {
    for (const int64_t width : {1, 3, 8, 15, 16, 33, 40, 64}) {
      const int64_t heads = 1 + frames % 3;
      const int64_t count = frames * heads * width;
      const std::vector<float> q = random_values(rng, count);
      const std::vector<float> k = random_values(rng, count);
      const std::vector<float> v = random_values(rng, count);
      for (const int64_t valid : {frames, std::max<int64_t>(frames - 1, 1)}) {
        const auto args = [&](std::vector<float>& y, op::Products products = {}) {
          return op::AttentionBidirectional{.q = q,
                                            .k = k,
                                            .v = v,
                                            .heads = heads,
                                            .frames = frames,
                                            .valid_keys = valid,
                                            .y = y,
                                            .products = products};
        };
        std::vector<float> expected(q.size());
        reference_ops()->attention_bidirectional(args(expected));
        for (const auto& ops : tables) {
          std::vector<float> y(q.size());
          ops->attention_bidirectional(args(y));
          ASSERT_TRUE(all_near(y, expected, [](size_t) { return attention_bound(); }))
              << ops->name() << " frames " << frames << " width " << width << " valid " << valid;
          // Keys and values are rounded too: as many errors again.
          ops->attention_bidirectional(args(y, op::Products::kInt16));
          ASSERT_TRUE(
              all_near(y, expected, [](size_t) { return 2 * attention_bound(DType::kI16); }))
              << ops->name() << " frames " << frames << " width " << width << " valid " << valid;
        }
      }
    }
  }
}

TEST(AttentionBidirectional, ClosedFormValues) {
  // One head of width 4. Query (2 ln 3 / 1, 0, 0, 0) with keys (1, ...) and (0, ...): scores ln 3
  // and 0 after the scale 1 / 2, weights 3/4 and 1/4. The third key is masked.
  const float q0 = 2 * std::log(3.0F);
  const std::vector<float> q = {q0, 0, 0, 0, 0, 0, 0, 0, q0, 0, 0, 0};
  const std::vector<float> k = {1, 5, 6, 7, 0, 8, 9, 1, 100, 0, 0, 0};
  const std::vector<float> v = {8, 0, 0, 4, 0, 8, 0, 4, 1000, 1000, 1000, 1000};
  for (const OpsLevel level : supported_ops_levels()) {
    std::vector<float> y(12);
    make_ops(level, 1)->attention_bidirectional(
        {.q = q, .k = k, .v = v, .heads = 1, .frames = 3, .valid_keys = 2, .y = y});
    const std::vector<float> expected = {6, 2, 0, 4, 4, 4, 0, 4, 6, 2, 0, 4};
    EXPECT_TRUE(all_near(y, expected, [](size_t) { return 4e-6; })) << name(level);
  }
}

struct Heads {
  int64_t heads;
  int64_t kv_heads;
  int64_t width;
  int64_t q_row() const { return heads * width; }
  int64_t kv_row() const { return kv_heads * width; }
};

// A sequence of random tokens with pages of its own, as the second of two layers.
class PagedSequence {
 public:
  PagedSequence(Rng& rng, Heads shape, int64_t tokens, int64_t page_tokens,
                DType dtype = DType::kF32)
      : shape_(shape),
        dtype_(dtype),
        q(random_values(rng, tokens * shape.q_row())),
        k(random_values(rng, tokens * shape.kv_row())),
        v(random_values(rng, tokens * shape.kv_row())) {
    key_bytes_ = shape.kv_heads * key_plane_bytes(dtype, shape.width, page_tokens);
    const int64_t value_bytes = shape.kv_heads * value_plane_bytes(dtype, shape.width, page_tokens);
    layer_floats_ = (key_bytes_ + value_bytes) / 4;
    const int64_t pages = (tokens + page_tokens - 1) / page_tokens;
    memory_.assign(static_cast<size_t>(pages * 2 * layer_floats_), kUntouched);
    for (int64_t i = pages - 1; i >= 0; --i) {  // in memory in another order than in the sequence
      pages_.push_back(reinterpret_cast<std::byte*>(memory_.data() + i * 2 * layer_floats_));
    }
    page_tokens_ = page_tokens;
  }

  static constexpr float kUntouched = 12345.0F;

  RaggedSequence step(int64_t first_row, int64_t start, int64_t rows) const {
    return {.first_row = first_row,
            .rows = rows,
            .start_position = start,
            .kv = {.pages = pages_,
                   .dtype = dtype_,
                   .page_tokens = page_tokens_,
                   .key_offset_bytes = layer_floats_ * 4,
                   .value_offset_bytes = layer_floats_ * 4 + key_bytes_}};
  }

  // Nothing was written into the first layer's planes.
  bool first_layer_untouched() const {
    for (size_t i = 0; i < memory_.size(); ++i) {
      const auto in_page = static_cast<int64_t>(i) % (2 * layer_floats_);
      if (in_page < layer_floats_ && memory_[i] != kUntouched) return false;
    }
    return true;
  }

 private:
  Heads shape_;
  DType dtype_;
  int64_t key_bytes_ = 0;     // of one layer in a page
  int64_t layer_floats_ = 0;  // keys and values
  int64_t page_tokens_ = 0;
  std::vector<float> memory_;
  std::vector<std::byte*> pages_;

 public:
  std::vector<float> q, k, v;
};

// Runs the given rows of several sequences as one batch.
struct Part {
  const PagedSequence* sequence;
  int64_t start;
  int64_t rows;
};

std::vector<float> attend(const Ops& ops, Heads shape, const std::vector<Part>& parts) {
  std::vector<float> q;
  std::vector<float> k;
  std::vector<float> v;
  std::vector<RaggedSequence> sequences;
  int64_t row = 0;
  const auto append = [](std::vector<float>& to, const std::vector<float>& from, int64_t first,
                         int64_t count) {
    to.insert(to.end(), from.begin() + first, from.begin() + first + count);
  };
  for (const Part& part : parts) {
    append(q, part.sequence->q, part.start * shape.q_row(), part.rows * shape.q_row());
    append(k, part.sequence->k, part.start * shape.kv_row(), part.rows * shape.kv_row());
    append(v, part.sequence->v, part.start * shape.kv_row(), part.rows * shape.kv_row());
    sequences.push_back(part.sequence->step(row, part.start, part.rows));
    row += part.rows;
  }
  ops.kv_write({.k = k,
                .v = v,
                .sequences = sequences,
                .kv_heads = shape.kv_heads,
                .head_width = shape.width});
  std::vector<float> y(q.size());
  ops.attention_paged({.q = q,
                       .sequences = sequences,
                       .heads = shape.heads,
                       .kv_heads = shape.kv_heads,
                       .head_width = shape.width,
                       .y = y});
  return y;
}

constexpr std::array kCacheDTypes{DType::kF32, DType::kBF16, DType::kI8, DType::kI16};
constexpr std::array kShapes{Heads{1, 1, 5},  Heads{2, 1, 16}, Heads{6, 2, 32},
                             Heads{5, 1, 20}, Heads{8, 2, 33}, Heads{7, 1, 128}};

TEST(AttentionPaged, EveryLevelIsTheReference) {
  const auto tables = fast_ops();
  for (const Heads& shape : kShapes) {
    for (const int64_t tokens : {1, 3, 15, 16, 17, 40}) {
      Rng rng(2);
      for (const DType dtype : kCacheDTypes) {
        const PagedSequence sequence(rng, shape, tokens, 16, dtype);
        const std::vector<float> expected =
            attend(*reference_ops(), shape, {{&sequence, 0, tokens}});
        for (const auto& ops : tables) {
          const std::vector<float> y = attend(*ops, shape, {{&sequence, 0, tokens}});
          ASSERT_TRUE(all_near(y, expected, [&](size_t) { return attention_bound(dtype); }))
              << ops->name() << " heads " << shape.heads << " width " << shape.width << " tokens "
              << tokens << " " << name(dtype);
          EXPECT_TRUE(sequence.first_layer_untouched());
        }
      }
    }
  }
}

// Over several chunks of keys: a decoding row is shared out among threads by chunks, a prefill
// takes them one after another, and both give the same bits, which are the reference's but for
// rounding.
TEST(AttentionPaged, LongPastsAreJoinedFromChunks) {
  const Heads shape{6, 1, 40};
  const int64_t tokens = 1100;
  for (const DType dtype : kCacheDTypes) {
    Rng rng(8);
    const PagedSequence sequence(rng, shape, tokens, 16, dtype);
    for (const auto& ops : fast_ops()) {
      const std::vector<float> all = attend(*ops, shape, {{&sequence, 0, tokens}});
      for (const int64_t position : {511, 512, 513, 1023, 1024, 1099}) {
        const std::vector<float> row = attend(*ops, shape, {{&sequence, position, 1}});
        EXPECT_TRUE(identical(
            row, std::span(all).subspan(static_cast<size_t>(position * shape.q_row()), row.size())))
            << ops->name() << " " << name(dtype) << " position " << position;
        const std::vector<float> expected =
            attend(*reference_ops(), shape, {{&sequence, position, 1}});
        EXPECT_TRUE(all_near(row, expected, [&](size_t) { return attention_bound(dtype); }))
            << ops->name() << " " << name(dtype) << " position " << position;
      }
    }
  }
}

// A causal row is a bidirectional row that sees its own past: two ops, one answer.
TEST(AttentionPaged, LastRowIsTheBidirectionalOne) {
  const Heads shape{4, 4, 24};
  const int64_t tokens = 21;
  Rng rng(3);
  const PagedSequence sequence(rng, shape, tokens, 16);
  for (const OpsLevel level : supported_ops_levels()) {
    const auto ops = make_ops(level, 2);
    const std::vector<float> causal = attend(*ops, shape, {{&sequence, 0, tokens}});
    std::vector<float> all(causal.size());
    ops->attention_bidirectional({.q = sequence.q,
                                  .k = sequence.k,
                                  .v = sequence.v,
                                  .heads = 4,
                                  .frames = tokens,
                                  .valid_keys = tokens,
                                  .y = all});
    const auto last = static_cast<size_t>((tokens - 1) * shape.q_row());
    EXPECT_TRUE(all_near(std::span(causal).subspan(last), std::span(all).subspan(last), [](size_t) {
      return attention_bound();
    })) << name(level);
    // The first row sees only itself: its value.
    EXPECT_TRUE(all_near(std::span(causal).first(96), std::span(sequence.v).first(96), [](size_t) {
      return kF32Epsilon * 4;
    })) << name(level);
  }
}

TEST(AttentionPaged, QueryHeadsReadTheirGroupsKeys) {
  // Width 1, zero queries: the mean of the group's values. Heads 0, 1 read head 0; 2, 3 read
  // head 1.
  const Heads shape{4, 2, 1};
  Rng rng(4);
  PagedSequence sequence(rng, shape, 2, 16);
  sequence.q.assign(8, 0.0F);
  sequence.v = {1, 10, 3, 30};
  for (const OpsLevel level : supported_ops_levels()) {
    EXPECT_EQ(attend(*make_ops(level, 1), shape, {{&sequence, 0, 2}}),
              (std::vector<float>{1, 1, 10, 10, 2, 2, 20, 20}))
        << name(level);
  }
}

TEST(AttentionPaged, PagesOfAnySizeAreOneFlatPageBitForBit) {
  for (const Heads& shape : kShapes) {
    for (const DType dtype : kCacheDTypes) {
      const int64_t tokens = 37;
      Rng rng(5);
      const PagedSequence flat(rng, shape, tokens, 48, dtype);
      for (const auto& ops : fast_ops()) {
        const std::vector<float> expected = attend(*ops, shape, {{&flat, 0, tokens}});
        for (const int64_t page_tokens : {16, 32, 64}) {
          Rng same(5);
          const PagedSequence paged(same, shape, tokens, page_tokens, dtype);
          EXPECT_TRUE(identical(attend(*ops, shape, {{&paged, 0, tokens}}), expected))
              << ops->name() << " pages of " << page_tokens << " width " << shape.width << " "
              << name(dtype);
        }
      }
    }
  }
}

TEST(AttentionPaged, ChunksAreTheWholeBitForBit) {
  const Heads shape{6, 2, 40};
  const int64_t tokens = 41;
  for (const DType dtype : kCacheDTypes) {
    for (const auto& ops : fast_ops()) {
      Rng rng(6);
      const PagedSequence whole(rng, shape, tokens, 16, dtype);
      const std::vector<float> expected = attend(*ops, shape, {{&whole, 0, tokens}});
      for (const int64_t chunk : {1, 2, 7, 16, 40}) {
        Rng same(6);
        const PagedSequence pieces(same, shape, tokens, 16, dtype);
        std::vector<float> y;
        for (int64_t start = 0; start < tokens; start += chunk) {
          const std::vector<float> part =
              attend(*ops, shape, {{&pieces, start, std::min(chunk, tokens - start)}});
          y.insert(y.end(), part.begin(), part.end());
        }
        EXPECT_TRUE(identical(y, expected))
            << ops->name() << " " << name(dtype) << " chunks of " << chunk;
      }
    }
  }
}

TEST(AttentionPaged, ARaggedBatchIsItsSinglesBitForBit) {
  const Heads shape{5, 1, 20};
  for (const DType dtype : kCacheDTypes) {
    for (const auto& ops : fast_ops()) {
      Rng rng(7);
      const PagedSequence a(rng, shape, 30, 16, dtype);
      const PagedSequence b(rng, shape, 18, 16, dtype);
      const PagedSequence c(rng, shape, 1, 32, dtype);
      attend(*ops, shape, {{&b, 0, 17}});  // b decodes its 18th token while the others prefill
      const std::vector<Part> parts = {{&a, 0, 30}, {&b, 17, 1}, {&c, 0, 1}};
      std::vector<float> singles;
      for (const Part& part : parts) {
        const std::vector<float> y = attend(*ops, shape, {part});
        singles.insert(singles.end(), y.begin(), y.end());
      }
      EXPECT_TRUE(identical(attend(*ops, shape, parts), singles))
          << ops->name() << " " << name(dtype);
    }
  }
}

}  // namespace
}  // namespace stapes
