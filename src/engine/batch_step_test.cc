// Logits bit for bit: from a cached prefix, in pieces, in a batch, forked; for every level of the
// operations and every dtype for which docs/numerics.md promises it.
#include "engine/batch_step.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <string>
#include <tuple>

#include "engine/testing/requests.h"
#include "engine/testing/tiny_model.h"

namespace stapes {
namespace {

using testing::one_thread;
using testing::sound_request;
using testing::text_request;

using Logits = std::vector<std::vector<float>>;  // of each choice

class BatchStepTest : public ::testing::TestWithParam<std::tuple<OpsLevel, DType>> {
 protected:
  BatchStepTest() {
    const auto [level, dtype] = GetParam();
    testing::write_random_model(folder_.path(), testing::tiny_test_config(), /*seed=*/1, dtype);
    model_.emplace(load_model(folder_.path(), one_thread(), make_ops(level, 1)));
    pool_.emplace(*model_->ops, model_->kv_layout, 1000);
    cache_.emplace(*pool_);
  }

  Sequence sequence(const Request& request, PrefixCache* cache = nullptr) {
    return Sequence(*model_,
                    std::make_shared<const PreparedRequest>(prepare_request(*model_, request)),
                    *pool_, cache);
  }
  void hear(Sequence& sequence, const Request& request) {
    for (size_t i = 0; i < request.clips.size(); ++i)
      sequence.set_clip_rows(i, std::make_shared<const Tensor>(model_->model.audio_rows(
                                    mel_of(*model_, request.clips[i]), model_->audio_rule)));
  }
  // One step of all; appends to logits[i] what sequence i chose from.
  void step(const std::vector<Sequence*>& sequences, std::vector<Logits>& logits,
            int64_t most_rows = 512) {
    std::vector<SequenceStep> steps;
    for (Sequence* one : sequences)
      steps.push_back(
          {.sequence = one, .step = one->next_step(std::min(one->demand().rows, most_rows))});
    const LogitsView all = run_steps(*model_, steps, workspace_);
    for (size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].first_logits < 0) continue;
      const auto row = all.row(steps[i].first_logits);
      logits[i].emplace_back(row.begin(), row.end());
    }
    for (size_t i = 0; i < steps.size(); ++i) {
      std::vector<float> scratch;
      if (steps[i].first_logits >= 0)
        steps[i].sequence->choose(all, steps[i].first_logits, scratch);
    }
  }
  // Of `count` choices of a sequence alone, its prompt read in pieces of `most_rows`.
  Logits logits_of(Sequence& one, size_t count, int64_t most_rows = 512) {
    std::vector<Logits> logits(1);
    while (logits[0].size() < count) step({&one}, logits, most_rows);
    return logits[0];
  }
  Logits logits_alone(const Request& request, size_t count) {
    Sequence one = sequence(request);
    hear(one, request);
    return logits_of(one, count);
  }

  testing::TemporaryFolder folder_;
  std::optional<LoadedModel> model_;
  std::optional<KvPagePool> pool_;
  std::optional<PrefixCache> cache_;
  DecoderWorkspace workspace_;
};

INSTANTIATE_TEST_SUITE_P(All, BatchStepTest,
                         ::testing::Combine(::testing::ValuesIn(supported_ops_levels()),
                                            ::testing::Values(DType::kF32, DType::kF16,
                                                              DType::kBF16)),
                         [](const auto& test) {
                           return std::string(name(std::get<0>(test.param))) + "_" +
                                  name(std::get<1>(test.param));
                         });

void expect_same_bits(const Logits& a, const Logits& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].size(), b[i].size());
    EXPECT_EQ(std::memcmp(a[i].data(), b[i].data(), a[i].size() * sizeof(float)), 0) << i;
  }
}

Request endless(Request request) {
  request.sampling.temperature = 1;
  request.sampling.max_tokens = 500;
  request.sampling.think_budget = 400;
  return request;
}

TEST_P(BatchStepTest, ACachedPrefixGivesTheSameBits) {
  const Request first = endless(sound_request("Which digits are spoken?", 2.0, 1));
  const Request second = endless(sound_request("Does the loudness rise?", 2.0, 1));
  {
    Sequence reader = sequence(first, &*cache_);
    hear(reader, first);
    logits_of(reader, 20);
  }
  Sequence cached = sequence(second, &*cache_);
  EXPECT_EQ(cached.take_cached_prefix(), 32);
  hear(cached, second);
  expect_same_bits(logits_of(cached, 6), logits_alone(second, 6));
  Sequence again = sequence(first, &*cache_);
  EXPECT_GE(again.take_cached_prefix(), 48);
  hear(again, first);
  expect_same_bits(logits_of(again, 6), logits_alone(first, 6));
}

TEST_P(BatchStepTest, PiecesOfAnySizeGiveTheSameBits) {
  const Request request = endless(sound_request("Which digits are spoken?", 2.0, 2));
  const Logits whole = logits_alone(request, 4);
  for (const int64_t rows : {1, 5, 16, 33}) {
    Sequence one = sequence(request, rows == 5 ? &*cache_ : nullptr);
    hear(one, request);
    expect_same_bits(logits_of(one, 4, rows), whole);
  }
}

TEST_P(BatchStepTest, ForksInABatchGiveTheBitsOfEachAlone) {
  Request request = endless(sound_request("Which digits are spoken?", 1.3, 3));
  request.sampling.seed = 4;
  const Request other = endless(text_request("How many notes are there?"));
  Sequence first = sequence(request, &*cache_);
  hear(first, request);
  Sequence beside = sequence(other, &*cache_);
  // The prompts are read; then the others fork before anything is chosen.
  std::vector<SequenceStep> steps;
  for (Sequence* one : {&first, &beside})
    steps.push_back({.sequence = one, .step = one->next_step(one->demand().rows)});
  const LogitsView prompt_logits = run_steps(*model_, steps, workspace_);
  Sequence second = first.fork(1);
  Sequence third = first.fork(2);
  std::vector<float> scratch;
  for (Sequence* one : {&first, &second, &third}) one->choose(prompt_logits, 0, scratch);
  beside.choose(prompt_logits, 1, scratch);
  std::vector<Logits> logits(4);
  for (int i = 0; i < 40; ++i) step({&first, &beside, &second, &third}, logits);

  const auto expect_alone = [&](Request one, uint64_t sample, const Logits& found) {
    one.sampling.sequence = sample;
    Logits expected = logits_alone(one, 41);
    expected.erase(expected.begin());  // the prompt's
    expect_same_bits(found, expected);
  };
  expect_alone(request, 0, logits[0]);
  expect_alone(other, 0, logits[1]);
  expect_alone(request, 1, logits[2]);
  expect_alone(request, 2, logits[3]);
}

}  // namespace
}  // namespace stapes
