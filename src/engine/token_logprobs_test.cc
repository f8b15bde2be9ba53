#include "engine/token_logprobs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/rng.h"
#include "engine/testing/tiny_model.h"

namespace stapes {
namespace {

const Tokenizer& tokenizer() {
  static const Tokenizer kTokenizer = Tokenizer::parse(testing::tiny_tokenizer_json(), "tiny");
  return kTokenizer;
}

// The slow obvious twin: all probabilities, all sorted.
std::vector<std::pair<double, TokenId>> textbook(const std::vector<float>& logits) {
  double sum = 0;
  for (size_t id = 0; id < tokenizer().size(); ++id) sum += std::exp(double{logits[id]});
  std::vector<std::pair<double, TokenId>> logprobs;
  for (size_t id = 0; id < tokenizer().size(); ++id)
    logprobs.emplace_back(std::log(std::exp(double{logits[id]}) / sum), static_cast<TokenId>(id));
  std::ranges::sort(logprobs, [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  return logprobs;
}

TEST(TokenLogprobs, EqualTheTextbook) {
  Rng rng(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<float> logits(tokenizer().size() + 5);
    for (float& logit : logits) logit = static_cast<float>(rng.integer(-16, 16)) * 0.5F;
    logits.back() = std::numeric_limits<float>::quiet_NaN();  // beyond the tokenizer
    const auto chosen = static_cast<TokenId>(rng.integer(0, std::ssize(logits) - 6));
    const auto top = static_cast<int>(rng.integer(0, 20));
    const GeneratedToken token = token_logprobs(tokenizer(), logits, chosen, top);
    const auto expected = textbook(logits);
    ASSERT_EQ(token.top.size(), static_cast<size_t>(top));
    for (size_t i = 0; i < token.top.size(); ++i) {
      EXPECT_EQ(token.top[i].id, expected[i].second);
      EXPECT_NEAR(token.top[i].logprob, expected[i].first, 1e-9);
    }
    EXPECT_EQ(token.chosen.id, chosen);
    EXPECT_EQ(token.chosen.bytes, tokenizer().token_bytes(chosen));
    const auto same = std::ranges::find(expected, chosen, &std::pair<double, TokenId>::second);
    EXPECT_NEAR(token.chosen.logprob, same->first, 1e-9);
  }
}

TEST(TokenLogprobs, ClosedForm) {
  std::vector<float> logits(tokenizer().size(), -std::numeric_limits<float>::infinity());
  logits[7] = std::log(3.0F);
  logits[9] = 0.0F;
  const GeneratedToken token = token_logprobs(tokenizer(), logits, 9, 3);
  EXPECT_NEAR(token.chosen.logprob, std::log(0.25), 1e-6);
  ASSERT_EQ(token.top.size(), 3U);
  EXPECT_EQ(token.top[0].id, 7);
  EXPECT_NEAR(token.top[0].logprob, std::log(0.75), 1e-6);
  EXPECT_EQ(token.top[1].id, 9);
  EXPECT_EQ(token.top[2].logprob, -std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace stapes
