#include "bench/bench_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/bench_report.h"
#include "bench/forward_cost.h"
#include "stapes/error.h"

namespace stapes {
namespace {

std::vector<std::string> names_of(const std::vector<BenchCase>& cases) {
  std::vector<std::string> names;
  for (const BenchCase& bench_case : cases) names.push_back(name(bench_case));
  return names;
}

TEST(BenchRun, ASpreadIsMedianAndEnds) {
  EXPECT_EQ(spread_of({5, 1, 3}).median, 3);
  EXPECT_EQ(spread_of({4, 1, 3, 2}).median, 2.5);
  EXPECT_EQ(spread_of({5, 1, 3}).min, 1);
  EXPECT_EQ(spread_of({5, 1, 3}).max, 5);
}

TEST(BenchRun, SequencesTogetherAreMeasuredAtTheShortestContextOnly) {
  const BenchPlan plan{.prefill_tokens = {0, 32},
                       .decode_tokens = 4,
                       .contexts = {64, 16},
                       .batches = {1, 3},
                       .audio_seconds = 1.5};
  EXPECT_THAT(names_of(cases_of(plan, bench_config("tiny"))),
              ::testing::ElementsAre("prefill 32", "decode 4 at 64", "decode 4 at 16",
                                     "decode 4 x 3 at 16", "audio 1.5 s"));
}

TEST(BenchRun, WhatIsTooLongForTheModelIsRefused) {
  const auto sentence_of = [](const BenchPlan& plan) -> std::string {
    try {
      cases_of(plan, bench_config("tiny"));
    } catch (const Error& error) {
      return error.code() == ErrorCode::kUsage ? error.what() : "another code";
    }
    return "nothing was thrown";
  };
  EXPECT_THAT(sentence_of({.prefill_tokens = {5000}}), ::testing::HasSubstr("prefill 5000"));
  EXPECT_THAT(sentence_of({.decode_tokens = 1, .contexts = {4096}, .batches = {1}}),
              ::testing::HasSubstr("4096"));
  EXPECT_THAT(sentence_of({.audio_seconds = 31}), ::testing::HasSubstr("at most 30 s"));
  EXPECT_THAT(sentence_of({.audio_seconds = 0.01}), ::testing::HasSubstr("more than 0.1 s"));
}

TEST(BenchRun, WorkingMemoryIsThatOfTheLargestCase) {
  const ModelConfig config = bench_config("tiny");
  KvLayout layout = KvLayout::of(config.decoder);
  layout.dtype = DType::kBF16;  // as the engine keeps them
  const int64_t page_bytes = layout.page_bytes();
  const int64_t nothing = working_bytes({}, layout);
  EXPECT_EQ(working_bytes({{.kind = BenchKind::kDecode, .tokens = 16, .context = 16, .batch = 3},
                           {.kind = BenchKind::kPrefill, .tokens = 64}},
                          layout) -
                nothing,
            6 * page_bytes);
}

class OnTiny : public ::testing::Test {
 protected:
  ThreadPool pool_{2};
  std::unique_ptr<const Ops> ops_ = make_ops(2);
  ModelConfig config_ = bench_config("tiny");
  Model model_ =
      Model::of(config_, make_synthetic_tensors(config_, {.decoder = DType::kF32}, pool_), *ops_);
};

// By hand: 4 layers of width 192 with 6 heads of 32, 2 key/value heads, 512 wide, 640 words.
TEST_F(OnTiny, TheCostOfAStepIsCounted) {
  const CostModel costs(model_, KvLayout::of(config_.decoder));
  const double matrices = 4.0 * (2 * 192 * 192 + 2 * 64 * 192 + 3 * 192 * 512);
  const double vectors = 4.0 * (192 + 192 + 64 + 64 + 192) + 192;
  const double head = 640.0 * 192;
  const double kv_token_bytes = 4.0 * 2 * 64 * 4;
  const CostedStep one{.start_position = 9};
  EXPECT_EQ(costs.decoder({&one, 1}).bytes, 4 * (matrices + vectors + head) + 10 * kv_token_bytes);
  EXPECT_EQ(costs.decoder({&one, 1}).operations, 2 * (matrices + head) + 4 * 4 * 192 * 10);
  const CostedStep chunk{.start_position = 10, .rows = 3, .logits = false};
  EXPECT_EQ(costs.decoder({&chunk, 1}).bytes, 4 * (matrices + vectors) + 13 * kv_token_bytes);
  EXPECT_EQ(costs.decoder({&chunk, 1}).operations, 2 * 3 * matrices + 4 * 4 * 192 * (11 + 12 + 13));
}

// Two sequences read the weights once.
TEST_F(OnTiny, ABatchSharesTheWeights) {
  const CostModel costs(model_, KvLayout::of(config_.decoder));
  const std::vector<CostedStep> two(2, CostedStep{.start_position = 9});
  const ForwardCost together = costs.decoder(two);
  const ForwardCost alone = costs.decoder({two.data(), 1});
  EXPECT_EQ(together.operations, 2 * alone.operations);
  EXPECT_EQ(together.bytes - alone.bytes, 10 * 4.0 * 2 * 64 * 4);
}

// By hand for 1 s: 100 frames, 50 positions of which 49 are seen, 25 frames, 13 adaptor rows.
TEST_F(OnTiny, TheCostOfAClipIsCounted) {
  const CostModel costs(model_, KvLayout::of(config_.decoder));
  const double products = 100.0 * 160 * 80 * 3 + 50.0 * 160 * 160 * 3 +
                          50.0 * 3 * (4 * 160 * 160 + 2 * 160 * 640) + 3 * 2.0 * 50 * 49 * 160 +
                          13.0 * (160 * 160 * 3 + 256 * 160 + 192 * 256);
  EXPECT_EQ(costs.audio(100).operations, 2 * products);
}

TEST_F(OnTiny, EveryKindIsMeasured) {
  const MachineSpeed machine{
      .threads = 2, .bandwidth_gb_s = 10, .int8_gop_s = 400, .f32_gflop_s = 100};
  const BenchRun run(model_, *ops_, machine, KvLayout::of(config_.decoder));
  const std::vector<BenchCase> cases = cases_of({.prefill_tokens = {520},
                                                 .decode_tokens = 3,
                                                 .contexts = {20},
                                                 .batches = {1, 2},
                                                 .audio_seconds = 1},
                                                config_);
  for (const BenchCase& bench_case : cases) {
    const BenchResult result = run.run(bench_case, 2);
    const double tokens = static_cast<double>(bench_case.tokens * bench_case.batch);
    EXPECT_LE(result.ms.min, result.ms.median) << name(bench_case);
    EXPECT_LE(result.ms.median, result.ms.max) << name(bench_case);
    EXPECT_DOUBLE_EQ(result.tokens_per_s, tokens / (result.ms.median * 1e-3));
    EXPECT_DOUBLE_EQ(result.share_of_bandwidth, result.gb_per_s / 10);
    EXPECT_GT(result.share_of_peak, 0);
  }
}

TEST(BenchReport, AModelThatDoesNotFitIsRefusedBeforeItIsMade) {
  // No machine has memory for 4,096 sequences of 60,000 tokens of the largest shape.
  const BenchOptions options{.shape = "step-audio-r1",
                             .plan = {.decode_tokens = 1, .contexts = {60000}, .batches = {4096}}};
  try {
    run_bench(options);
    FAIL() << "was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("step-audio-r1 takes"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("memory are free"));
  }
}

}  // namespace
}  // namespace stapes
