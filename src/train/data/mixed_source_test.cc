#include "train/data/mixed_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "stapes/error.h"

namespace stapes::train {
namespace {

using ::testing::HasSubstr;

// Says with which index it was asked.
class Echo : public ExampleSource {
 public:
  explicit Echo(TokenId id) : id_(id) {}
  TrainingExample get(Phase /*phase*/, uint64_t index, int64_t step) const override {
    TrainingExample example;
    example.ids = {id_, static_cast<TokenId>(index), static_cast<TokenId>(step)};
    example.origin = "line 1";
    return example;
  }
  std::string fingerprint() const override { return "echo " + std::to_string(id_); }

 private:
  TokenId id_;
};

std::string refusal(const std::vector<double>& weights) {
  try {
    const Mixture mixture(weights, 1);
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

// The slow and obvious count of what came before.
TEST(Mixture, IndicesOfAPartAreCountedWithoutGaps) {
  for (const uint64_t seed : {1u, 2u, 77u}) {
    const Mixture mixture({0.7, 0.25, 0.05}, seed);
    std::vector<uint64_t> counts(3, 0);
    for (uint64_t i = 0; i < 20000; ++i) {
      const Mixture::Place place = mixture.place(i);
      ASSERT_EQ(place.index, counts[place.part]++) << "index " << i << ", seed " << seed;
    }
  }
}

TEST(Mixture, SharesHoldInEveryWindowAndExactlyInATurn) {
  const std::vector<double> weights = {6, 3, 1};
  const Mixture mixture(weights, 5);
  for (uint64_t begin = 0; begin < 5000; begin += 37) {
    std::vector<int> counts(3, 0);
    for (uint64_t i = begin; i < begin + 32; ++i) ++counts[mixture.place(i).part];
    for (size_t p = 0; p < 3; ++p)
      EXPECT_NEAR(counts[p], 32 * weights[p] / 10, 2.5) << "part " << p << " from " << begin;
  }
  // Over one whole turn of 2^31 indices the shares are exact to one; the count goes on after it.
  const uint64_t turn = uint64_t{1} << 31;
  std::vector<uint64_t> first(3, 0);
  for (uint64_t i = turn; first[0] * first[1] * first[2] == 0; ++i) {
    const Mixture::Place place = mixture.place(i);
    if (first[place.part] == 0) first[place.part] = place.index;
  }
  for (size_t p = 0; p < 3; ++p)
    EXPECT_NEAR(static_cast<double>(first[p]), static_cast<double>(turn) * weights[p] / 10, 1);
}

TEST(Mixture, OrderDependsOnTheSeed) {
  const Mixture one({1, 1}, 1), two({1, 1}, 2);
  int different = 0;
  for (uint64_t i = 0; i < 100; ++i) different += one.place(i).part != two.place(i).part ? 1 : 0;
  EXPECT_GT(different, 0);
}

TEST(Mixture, SaysWhichWeightIsWrong) {
  EXPECT_THAT(refusal({}), HasSubstr("at least one"));
  EXPECT_THAT(refusal({1, 0}), HasSubstr("is 0, expected above 0"));
  EXPECT_THAT(refusal({1, -2}), HasSubstr("is -2"));
  EXPECT_THAT(refusal({1, std::nan("")}), HasSubstr("nan"));
  EXPECT_THAT(refusal({1, 1e-12}), HasSubstr("too small"));
  EXPECT_THAT(refusal({1e308, 1e308}), HasSubstr("too large"));
}

TEST(MixedSource, PassesOnIndexAndStepAndNamesThePart) {
  const auto mixed =
      mixed_source({{"a", std::make_shared<Echo>(0), 3}, {"b", std::make_shared<Echo>(1), 1}}, 9);
  const Mixture mixture({3, 1}, 9);
  std::map<std::string, int> origins;
  for (uint64_t i = 0; i < 400; ++i) {
    const TrainingExample example = mixed->get(Phase::kTraining, i, 42);
    const Mixture::Place place = mixture.place(i);
    EXPECT_EQ(example.ids, (std::vector<TokenId>{static_cast<TokenId>(place.part),
                                                 static_cast<TokenId>(place.index), 42}));
    ++origins[example.origin];
  }
  EXPECT_NEAR(origins["a: line 1"], 300, 2);
  EXPECT_NEAR(origins["b: line 1"], 100, 2);
}

TEST(MixedSource, FingerprintCoversNamesWeightsAndParts) {
  const auto print = [](const char* name, int part, double weight) {
    return mixed_source(
               {{name, std::make_shared<Echo>(part), weight}, {"z", std::make_shared<Echo>(9), 1}},
               1)
        ->fingerprint();
  };
  EXPECT_EQ(print("a", 1, 1), print("a", 1, 1));
  EXPECT_NE(print("a", 1, 1), print("b", 1, 1));
  EXPECT_NE(print("a", 1, 1), print("a", 2, 1));
  EXPECT_NE(print("a", 1, 1), print("a", 1, 2));
  EXPECT_THROW(print("z", 1, 1), Error);
}

}  // namespace
}  // namespace stapes::train
