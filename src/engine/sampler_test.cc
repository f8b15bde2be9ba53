#include "engine/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <span>
#include <vector>

#include "base/rng.h"
#include "stapes/error.h"

namespace stapes {
namespace {

TokenId sample(const Sampler& sampler, std::span<const float> logits, int64_t position) {
  std::vector<float> scratch(3, 7.0F);  // whatever is in it
  return sampler.sample(logits, position, scratch);
}

using ::testing::HasSubstr;

std::vector<float> random_logits(Rng& rng, size_t count) {
  std::vector<float> logits(count);
  // Coarse steps, so that ties are common.
  for (float& logit : logits) logit = static_cast<float>(rng.integer(-12, 12)) * 0.5F;
  return logits;
}

// The slow obvious twin: the textbook steps on a whole distribution, each renormalized.
std::map<TokenId, double> textbook(std::vector<float> logits, const std::vector<TokenId>& seen,
                                   const std::vector<TokenId>& generated,
                                   const SamplingOptions& options) {
  std::vector<std::pair<double, TokenId>> by_rank;  // (probability, id)
  for (size_t id = 0; id < logits.size(); ++id) {
    double logit = logits[id];
    const auto times = std::ranges::count(generated, static_cast<TokenId>(id));
    if (std::ranges::count(seen, static_cast<TokenId>(id)) > 0 || times > 0)
      logit *= logit > 0 ? 1 / options.repetition_penalty : options.repetition_penalty;
    if (times > 0) logit -= options.presence_penalty;
    for (ptrdiff_t i = 0; i < times; ++i) logit -= options.frequency_penalty;
    by_rank.emplace_back(std::exp(logit / options.temperature), static_cast<TokenId>(id));
  }
  const auto renormalize = [&] {
    double sum = 0;
    for (const auto& [p, id] : by_rank) sum += p;
    for (auto& [p, id] : by_rank) p /= sum;
  };
  std::ranges::sort(by_rank, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  if (options.top_k > 0 && by_rank.size() > static_cast<size_t>(options.top_k))
    by_rank.resize(static_cast<size_t>(options.top_k));
  renormalize();
  size_t keep = 0;
  for (double sum = 0; keep < by_rank.size() && (keep == 0 || sum < options.top_p); ++keep)
    sum += by_rank[keep].first;
  if (options.top_p < 1) by_rank.resize(keep);
  renormalize();
  const double threshold = options.min_p * by_rank.front().first;
  std::erase_if(by_rank, [&](const auto& entry) { return entry.first < threshold; });
  renormalize();
  std::map<TokenId, double> result;
  for (const auto& [p, id] : by_rank) result[id] = p;
  return result;
}

TEST(Sampler, CandidatesEqualTheTextbook) {
  Rng rng(11);
  for (int round = 0; round < 2000; ++round) {
    const auto count = static_cast<size_t>(rng.integer(1, 300));
    const std::vector<float> logits = random_logits(rng, count);
    SamplingOptions options;
    options.temperature = rng.uniform(0.3, 2.0);
    // Irrational-looking shares: a share that equals a partial sum is decided by the last bit.
    if (rng.chance(0.6)) options.top_p = rng.uniform(0.05, 1.0);
    if (rng.chance(0.5)) options.top_k = static_cast<int>(rng.integer(1, 320));
    if (rng.chance(0.5)) options.min_p = rng.uniform(0.0, 0.5);
    if (rng.chance(0.5)) options.repetition_penalty = rng.uniform(0.7, 1.5);
    if (rng.chance(0.5)) options.frequency_penalty = rng.uniform(-2, 2);
    if (rng.chance(0.5)) options.presence_penalty = rng.uniform(-2, 2);
    std::vector<TokenId> seen, generated;
    const auto random_id = [&] {
      return static_cast<TokenId>(rng.integer(0, std::min<int64_t>(20, std::ssize(logits)) - 1));
    };
    for (int i = 0; i < 5; ++i) seen.push_back(random_id());
    for (int64_t i = rng.integer(0, 40); i > 0; --i) generated.push_back(random_id());
    Sampler sampler(options, count);
    sampler.see_prompt(seen);
    for (const TokenId id : generated) sampler.see_generated(id);
    const auto expected = textbook(logits, seen, generated, options);
    const auto actual = sampler.candidates(logits);
    ASSERT_EQ(actual.size(), expected.size()) << "round " << round;
    for (const Candidate& candidate : actual) {
      ASSERT_TRUE(expected.contains(candidate.id)) << "round " << round;
      // A whole vocabulary is weighed in f32, from logits of up to 20 over a temperature of 0.3.
      const bool by_rank = options.top_k > 0 || options.top_p < 1;
      ASSERT_NEAR(candidate.probability, expected.at(candidate.id), by_rank ? 1e-9 : 1e-5)
          << "round " << round;
    }
  }
}

TEST(Sampler, AWholeVocabularyGivesTheTextbooksCandidates) {
  Rng rng(12);
  std::vector<float> logits(151936);
  for (float& logit : logits) logit = static_cast<float>(3 * rng.normal());
  SamplingOptions options;
  options.temperature = 0.7;
  for (const auto& [top_k, top_p] : {std::pair{50, 1.0}, {0, 0.913}, {2000, 0.517}}) {
    options.top_k = top_k;
    options.top_p = top_p;
    const auto expected = textbook(logits, {}, {}, options);
    const auto actual = Sampler(options, logits.size()).candidates(logits);
    ASSERT_EQ(actual.size(), expected.size());
    for (const Candidate& candidate : actual) {
      ASSERT_TRUE(expected.contains(candidate.id));
      ASSERT_NEAR(candidate.probability, expected.at(candidate.id), 1e-9);
    }
  }
}

TEST(Sampler, ClosedForm) {
  // Logits ln 1, ln 2, ln 5: probabilities 1/8, 2/8, 5/8.
  const std::vector<float> logits = {0.0F, std::log(2.0F), std::log(5.0F)};
  SamplingOptions options;
  options.temperature = 1;
  const auto all = Sampler(options, 3).candidates(logits);
  ASSERT_EQ(all.size(), 3U);
  EXPECT_NEAR(all[0].probability, 1.0 / 8, 1e-7);
  EXPECT_NEAR(all[2].probability, 5.0 / 8, 1e-7);

  options.temperature = 0.5;  // squares: 1, 4, 25
  EXPECT_NEAR(Sampler(options, 3).candidates(logits)[1].probability, 4.0 / 30, 1e-7);

  options.temperature = 1;
  options.top_p = 0.7;  // 5/8 is not enough, 7/8 is
  const auto top_p = Sampler(options, 3).candidates(logits);
  ASSERT_EQ(top_p.size(), 2U);
  EXPECT_EQ(top_p[0].id, 2);
  EXPECT_NEAR(top_p[0].probability, 5.0 / 7, 1e-7);

  options.top_p = 1;
  options.min_p = 0.3;  // 2/5 stays, 1/5 goes
  EXPECT_EQ(Sampler(options, 3).candidates(logits).size(), 2U);
}

TEST(Sampler, PenaltyDividesPositiveAndMultipliesNegativeLogits) {
  SamplingOptions options;
  options.temperature = 1;
  options.repetition_penalty = 2;
  Sampler sampler(options, 3);
  sampler.see_prompt(std::vector<TokenId>{0, 1, 0});  // seen twice counts once
  const auto kept = sampler.candidates(std::vector<float>{2.0F, -1.0F, 0.0F});
  const double sum = std::exp(1.0) + std::exp(-2.0) + 1;
  EXPECT_NEAR(kept[0].probability, std::exp(1.0) / sum, 1e-7);
  EXPECT_NEAR(kept[1].probability, std::exp(-2.0) / sum, 1e-7);
}

TEST(Sampler, FrequencyCountsTimesPresenceCountsOnceAndThePromptDoesNot) {
  SamplingOptions options;
  options.temperature = 1;
  options.frequency_penalty = 0.5;
  options.presence_penalty = 0.25;
  Sampler sampler(options, 3);
  sampler.see_prompt(std::vector<TokenId>{0, 0});
  for (const TokenId id : {1, 1, 1, 2}) sampler.see_generated(id);
  const auto kept = sampler.candidates(std::vector<float>{1.0F, 1.0F, 1.0F});
  const double sum = 1 + std::exp(-1.75) + std::exp(-0.75);
  EXPECT_NEAR(kept[0].probability, 1 / sum, 1e-7);
  EXPECT_NEAR(kept[1].probability, std::exp(-1.75) / sum, 1e-7);
  EXPECT_NEAR(kept[2].probability, std::exp(-0.75) / sum, 1e-7);
}

TEST(Sampler, PenaltiesChangeTheGreedyChoice) {
  SamplingOptions options;
  options.temperature = 0;
  options.frequency_penalty = 1;
  Sampler sampler(options, 2);
  const std::vector<float> logits = {1.5F, 0.0F};
  std::vector<TokenId> chosen;
  for (int position = 0; position < 6; ++position) {
    chosen.push_back(sample(sampler, logits, position));
    sampler.see_generated(chosen.back());
  }
  // 1.5, 0.5, then -0.5 against 0, ...
  EXPECT_EQ(chosen, (std::vector<TokenId>{0, 0, 1, 0, 1, 0}));
}

TEST(Sampler, GreedyTakesTheLowestIdOfTheMostLikely) {
  SamplingOptions options;
  options.temperature = 0;
  const std::vector<float> logits = {1.0F, 3.0F, 3.0F, 2.0F};
  for (uint64_t seed = 0; seed < 20; ++seed) {
    options.seed = seed;
    EXPECT_EQ(sample(Sampler(options, 4), logits, static_cast<int64_t>(seed)), 1);
  }
}

TEST(Sampler, FrequenciesFollowTheDistribution) {
  const std::vector<float> logits = {0.0F, std::log(2.0F), std::log(3.0F), std::log(4.0F)};
  SamplingOptions options;
  options.temperature = 1;
  options.seed = 5;
  const Sampler sampler(options, 4);
  constexpr int kDraws = 20000;
  std::vector<int> counts(4);
  for (int position = 0; position < kDraws; ++position)
    ++counts[static_cast<size_t>(sample(sampler, logits, position))];
  double chi_square = 0;
  for (size_t id = 0; id < 4; ++id) {
    const double expected = kDraws * static_cast<double>(id + 1) / 10;
    chi_square += (counts[id] - expected) * (counts[id] - expected) / expected;
  }
  EXPECT_LT(chi_square, 11.34);  // 99 % quantile for 3 degrees of freedom
}

TEST(Sampler, DrawsAreKeyedBySeedSequenceAndPosition) {
  const std::vector<float> logits(1000, 0.0F);
  SamplingOptions options;
  options.temperature = 1;
  const auto draw = [&](uint64_t seed, uint64_t sequence, int64_t position) {
    options.seed = seed;
    return sample(Sampler(options, logits.size(), sequence), logits, position);
  };
  EXPECT_EQ(draw(1, 2, 3), draw(1, 2, 3));
  EXPECT_NE(draw(1, 2, 3), draw(4, 2, 3));
  EXPECT_NE(draw(1, 2, 3), draw(1, 4, 3));
  EXPECT_NE(draw(1, 2, 3), draw(1, 2, 4));
}

TEST(Sampler, RowsBeyondTheTokenizerAreNeverDrawn) {
  std::vector<float> logits(8, 0.0F);
  logits[6] = 100.0F;
  logits[7] = std::numeric_limits<float>::quiet_NaN();  // unused rows may hold anything
  SamplingOptions options;
  for (const double temperature : {0.0, 1.0}) {
    options.temperature = temperature;
    const Sampler sampler(options, 5);
    for (int position = 0; position < 200; ++position)
      EXPECT_LT(sample(sampler, logits, position), 5);
  }
}

TEST(Sampler, DamagedLogitsAreAnError) {
  const auto message = [](float bad) {
    SamplingOptions options;
    options.temperature = 0;
    try {
      sample(Sampler(options, 3), std::vector<float>{0.0F, bad, 1.0F}, 0);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidModel);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(message(NAN), HasSubstr("token 1 is nan"));
  EXPECT_THAT(message(INFINITY), HasSubstr("token 1 is inf"));
  EXPECT_EQ(message(-INFINITY), "no error");
  try {
    sample(Sampler(SamplingOptions{}, 2), std::vector<float>{-INFINITY, -INFINITY}, 0);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("all are -infinity"));
  }
}

TEST(Sampler, SenselessOptionsAreRefusedByName) {
  const auto refused = [](auto change) -> std::string {
    SamplingOptions options;
    change(options);
    try {
      check_sampling_options(options);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refused([](auto& o) { o.temperature = -1; }), "temperature must be 0 or more, got -1");
  EXPECT_THAT(refused([](auto& o) { o.temperature = NAN; }), HasSubstr("got nan"));
  EXPECT_THAT(refused([](auto& o) { o.top_p = 0; }), HasSubstr("top_p"));
  EXPECT_THAT(refused([](auto& o) { o.top_p = 1.5; }), HasSubstr("1.5"));
  EXPECT_THAT(refused([](auto& o) { o.top_k = -1; }), HasSubstr("top_k"));
  EXPECT_THAT(refused([](auto& o) { o.min_p = 2; }), HasSubstr("min_p"));
  EXPECT_THAT(refused([](auto& o) { o.repetition_penalty = 0; }), HasSubstr("repetition_penalty"));
  EXPECT_EQ(refused([](auto& o) { o.frequency_penalty = 2.5; }),
            "frequency_penalty must be between -2 and 2, got 2.5");
  EXPECT_THAT(refused([](auto& o) { o.presence_penalty = NAN; }), HasSubstr("presence_penalty"));
  EXPECT_THAT(refused([](auto& o) { o.logprobs = 21; }), HasSubstr("top_logprobs"));
  EXPECT_THAT(refused([](auto& o) { o.max_tokens = 0; }), HasSubstr("max_tokens"));
  EXPECT_THAT(refused([](auto& o) { o.think_budget = -3; }), HasSubstr("budget"));
  EXPECT_THAT(refused([](auto& o) { o.speculate_tokens = 17; }), HasSubstr("speculate_tokens"));
  EXPECT_THAT(refused([](auto& o) { o.stop = {"a", ""}; }), HasSubstr("stop text"));
  EXPECT_EQ(refused([](auto&) {}), "accepted");
}

}  // namespace
}  // namespace stapes
