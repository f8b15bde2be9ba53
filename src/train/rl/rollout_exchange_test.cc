#include "train/rl/rollout_exchange.h"

#include <gmock/gmock.h>

#include "stapes/error.h"

namespace stapes::train {
namespace {

TEST(RolloutExchange, RepliesComeBackAsTheyWere) {
  Rollout cut;
  cut.prompt = 7;
  cut.ids = {3, 5};
  cut.logprobs = {-0.1, -1.0 / 3};
  cut.text = "h\xff\xfe";  // cut inside of a character: no UTF-8
  cut.stop = StopReason::kLength;
  Rollout whole = cut;
  whole.thinking = "I hear two.";
  whole.answer = "2";
  whole.thought_closed = true;
  whole.stop = StopReason::kStop;
  const std::vector<Rollout> sent = {cut, whole};
  const std::vector<Rollout> got = unpacked_rollouts(packed(sent));
  ASSERT_EQ(got.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(got[i].prompt, sent[i].prompt);
    EXPECT_EQ(got[i].ids, sent[i].ids);
    EXPECT_EQ(got[i].logprobs, sent[i].logprobs) << "the same bits";
    EXPECT_EQ(got[i].text, sent[i].text);
    EXPECT_EQ(got[i].thinking, sent[i].thinking);
    EXPECT_EQ(got[i].answer, sent[i].answer);
    EXPECT_EQ(got[i].thought_closed, sent[i].thought_closed);
    EXPECT_EQ(got[i].stop, sent[i].stop);
  }
}

TEST(RolloutExchange, NoRewardIsNotZero) {
  const std::vector<Reward> sent = {{.total = 0.8, .parts = {{"accuracy", 1.0}}},
                                    {.total = std::nullopt, .parts = {}}};
  const std::vector<Reward> got = unpacked_rewards(packed(sent));
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].total, 0.8);
  EXPECT_EQ(got[0].parts, sent[0].parts);
  EXPECT_FALSE(got[1].total.has_value());
}

TEST(RolloutExchange, OtherBytesAreRefused) {
  EXPECT_THROW(unpacked_rollouts(""), Error);
  EXPECT_THROW(unpacked_rollouts("\x81\xa1"), Error);
  EXPECT_THROW(unpacked_rewards(packed(std::vector<Rollout>(1))), Error);
}

}  // namespace
}  // namespace stapes::train
