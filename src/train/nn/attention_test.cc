// Attention by tiles against the whole map of rows and keys, with gradients, in double.
#include "train/nn/attention.h"

#include <gtest/gtest.h>

#include <limits>

#include "train/testing/same_in_double.h"

namespace stapes::train {
namespace {

using testing::expect_same;
using torch::Tensor;

constexpr double kScale = 0.3;

// q, k, v [B, T, heads, W], as many heads each.
Tensor whole_map(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias) {
  const Tensor scores = torch::einsum("bthw,bkhw->bhtk", {q, k});
  const Tensor weights = (scores * kScale + bias.to(q.scalar_type())).softmax(-1);
  return torch::einsum("bhtk,bkhw->bthw", {weights, v});
}

// As the decoder's: a row sees what is before it, of a shared segment and of its own.
Tensor past_of_segments(int64_t examples, int64_t rows) {
  const Tensor segments = torch::randint(0, 3, {examples, rows});
  const Tensor place = torch::arange(rows);
  const Tensor past = place.unsqueeze(0) <= place.unsqueeze(1);
  const Tensor keys = segments.unsqueeze(1), queries = segments.unsqueeze(2);
  const Tensor seen = past.unsqueeze(0) & ((keys == 0) | (keys == queries));
  return seen.logical_not().to(torch::kFloat32).mul(-1e9).unsqueeze(1);
}
// As the encoder's: what is beyond a clip's end is hidden from all of its rows.
Tensor beyond_the_end(int64_t examples, int64_t keys) {
  const Tensor lengths = torch::randint(1, keys + 1, {examples, 1});
  return (torch::arange(keys).unsqueeze(0) >= lengths)
      .to(torch::kFloat32)
      .mul(-1e10)
      .view({examples, 1, 1, keys});
}

// Rows: one, less than a tile, whole tiles, and a rest.
class AttentionTest : public ::testing::TestWithParam<int64_t> {
 protected:
  AttentionTest() { torch::manual_seed(1); }
};

TEST_P(AttentionTest, OfThePastWithGroupedHeads) {
  const int64_t rows = GetParam();
  const Tensor bias = past_of_segments(2, rows);
  expect_same(
      {torch::randn({2, rows, 4, 16}) * 2, torch::randn({2, rows, 2, 16}) * 2,
       torch::randn({2, rows, 2, 16})},
      [&](const auto& x) { return attention(x[0], x[1], x[2], bias, kScale, Sight::kPast); },
      [&](const auto& x) {
        const auto both = [](const Tensor& t) { return t.repeat_interleave(2, 2); };
        return whole_map(x[0], both(x[1]), both(x[2]), bias);
      });
}

TEST_P(AttentionTest, OfAllKeys) {
  const int64_t rows = GetParam();
  const Tensor bias = beyond_the_end(3, rows);
  expect_same(
      {torch::randn({3, rows, 3, 7}), torch::randn({3, rows, 3, 7}), torch::randn({3, rows, 3, 7})},
      [&](const auto& x) { return attention(x[0], x[1], x[2], bias, kScale, Sight::kAll); },
      [&](const auto& x) { return whole_map(x[0], x[1], x[2], bias); });
}

// What runs where there are no tiles: another type, or products in bf16.
TEST_P(AttentionTest, LibtorchsOwnIsTheSame) {
  const int64_t rows = GetParam();
  const Tensor bias = past_of_segments(2, rows).to(torch::kFloat64);
  const auto random = [&](int64_t heads) {
    return torch::randn({2, rows, heads, 8}, torch::kFloat64);
  };
  const Tensor q = random(4), k = random(2), v = random(2);
  const Tensor whole = attention(q, k, v, bias, kScale, Sight::kPast);
  const Tensor tiled =
      attention(q.to(torch::kFloat32), k.to(torch::kFloat32), v.to(torch::kFloat32),
                bias.to(torch::kFloat32), kScale, Sight::kPast);
  EXPECT_TRUE(torch::allclose(whole, tiled.to(torch::kFloat64), 1e-4, 1e-5));
}

INSTANTIATE_TEST_SUITE_P(Rows, AttentionTest, ::testing::Values(1, 5, 64, 65, 150));

TEST(AttentionEdges, HiddenKeysWeighNothing) {
  const Tensor bias = torch::tensor({0.0f, -1e9f, 0.0f}).view({1, 1, 1, 3});
  const Tensor v = torch::tensor({1.0f, 100.0f, 2.0f}).view({1, 3, 1, 1});
  const Tensor k = torch::zeros({1, 3, 1, 1}), q = torch::zeros({1, 1, 1, 1});
  EXPECT_EQ(attention(q, k, v, bias, 1, Sight::kAll).item<float>(), 1.5f);
}

// Keys after a tile's last row are not even read.
TEST(AttentionEdges, TheFutureIsNotTouched) {
  const int64_t rows = 130;
  Tensor k = torch::randn({1, rows, 1, 4});
  const Tensor q = torch::randn({1, rows, 1, 4}), v = torch::randn({1, rows, 1, 4});
  const Tensor bias = past_of_segments(1, rows);
  const Tensor before = attention(q, k, v, bias, 1, Sight::kPast);
  k.slice(1, 128).fill_(std::numeric_limits<float>::quiet_NaN());
  const Tensor after = attention(q, k, v, bias, 1, Sight::kPast);
  EXPECT_TRUE(torch::equal(before.slice(1, 0, 128), after.slice(1, 0, 128)));
  EXPECT_TRUE(after.slice(1, 129).isnan().all().item<bool>()) << "a number that is none stays so";
}

}  // namespace
}  // namespace stapes::train
