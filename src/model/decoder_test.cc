// The decoder against the slow forward for every level; batches, chunks, pages and threads bit for
// bit.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "model/model.h"
#include "model/random_model.h"
#include "model/slow_forward.h"
#include "stapes/error.h"

namespace stapes {
namespace {

using ::testing::HasSubstr;
using testing::RandomModelFolder;
using testing::Rows;
using testing::SequencePages;
using testing::small_config;

std::vector<int64_t> random_ids(int64_t count, uint64_t stream) {
  Rng rng(11, stream);
  std::vector<int64_t> ids(static_cast<size_t>(count));
  for (int64_t& id : ids) id = rng.integer(0, small_config().decoder.vocabulary - 1);
  return ids;
}

// One folder for all tests; models differ by level and threads.
class DecoderTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { folder_ = new RandomModelFolder(small_config()); }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }
  static RandomModelFolder* folder_;
};
RandomModelFolder* DecoderTest::folder_ = nullptr;

struct LoadedModel {
  LoadedModel(const std::filesystem::path& folder, OpsLevel level, int threads = 2)
      : ops(make_ops(level, threads)), model(Model::open(folder, *ops)) {}
  std::unique_ptr<Ops> ops;
  Model model;
  const Decoder& decoder() const { return model.decoder(); }
};

KvLayout layout(int64_t page_tokens = 16) {
  return KvLayout::of(small_config().decoder, page_tokens);
}

// All logits of a sequence of its own, run in pieces of `chunk` tokens.
std::vector<float> run(const Decoder& decoder, const std::vector<int64_t>& ids,
                       int64_t chunk = 1000, int64_t page_tokens = 16) {
  const auto count = static_cast<int64_t>(ids.size());
  const SequencePages pages(layout(page_tokens), count);
  std::vector<float> logits;
  for (int64_t start = 0; start < count; start += chunk) {
    const int64_t rows = std::min(chunk, count - start);
    const std::vector<int64_t> part(ids.begin() + start, ids.begin() + start + rows);
    const DecoderStep step{
        .kv = pages.view(), .start_position = start, .rows = rows, .logits = LogitRows::kAll};
    const Tensor y = decoder.forward(decoder.embed(part), {&step, 1});
    logits.insert(logits.end(), y.values().begin(), y.values().end());
  }
  return logits;
}

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// f32 against double through three layers: some tens of roundings of 6e-8 of values near 1.
TEST_F(DecoderTest, EveryLevelIsTheSlowForward) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const RandomModelFolder folder(small_config(), dtype);
    const ModelTensors tensors = ModelTensors::open(folder.path());
    const testing::SlowModel slow(tensors, folder.config());
    const std::vector<int64_t> ids = random_ids(37, 1);
    const Rows expected = slow.decode(slow.embed(ids));
    for (const OpsLevel level : supported_ops_levels()) {
      const LoadedModel loaded(folder.path(), level);
      const std::vector<float> logits = run(loaded.decoder(), ids);
      const size_t vocabulary = expected.front().size();
      ASSERT_EQ(logits.size(), expected.size() * vocabulary);
      double worst = 0;
      for (size_t i = 0; i < logits.size(); ++i) {
        const double off = std::abs(double{logits[i]} - expected[i / vocabulary][i % vocabulary]);
        worst = std::isfinite(off) ? std::max(worst, off) : INFINITY;
      }
      EXPECT_LT(worst, 1e-5) << name(level) << " " << name(dtype);
    }
  }
}

TEST_F(DecoderTest, PrefillInChunksIsTheWholeBitForBit) {
  const std::vector<int64_t> ids = random_ids(41, 2);
  for (const OpsLevel level : supported_ops_levels()) {
    const LoadedModel loaded(folder_->path(), level);
    const std::vector<float> whole = run(loaded.decoder(), ids);
    for (const int64_t chunk : {1, 2, 5, 16, 40}) {
      EXPECT_TRUE(same_bits(run(loaded.decoder(), ids, chunk), whole)) << name(level) << chunk;
    }
  }
}

TEST_F(DecoderTest, PagesOfAnySizeGiveTheSameBits) {
  const std::vector<int64_t> ids = random_ids(41, 3);
  for (const OpsLevel level : supported_ops_levels()) {
    const LoadedModel loaded(folder_->path(), level);
    const std::vector<float> flat = run(loaded.decoder(), ids, 1000, 64);
    for (const int64_t page_tokens : {16, 32, 64}) {
      EXPECT_TRUE(same_bits(run(loaded.decoder(), ids, 7, page_tokens), flat)) << name(level);
    }
  }
}

TEST_F(DecoderTest, ThreadCountDoesNotChangeBits) {
  const std::vector<int64_t> ids = random_ids(60, 4);
  for (const OpsLevel level : supported_ops_levels()) {
    const std::vector<float> one = run(LoadedModel(folder_->path(), level, 1).decoder(), ids);
    for (const int threads : {2, 5}) {
      const LoadedModel loaded(folder_->path(), level, threads);
      EXPECT_TRUE(same_bits(run(loaded.decoder(), ids), one)) << name(level) << " " << threads;
    }
  }
}

TEST_F(DecoderTest, ARaggedBatchIsItsSinglesBitForBit) {
  const std::vector<std::vector<int64_t>> ids = {random_ids(20, 5), random_ids(9, 6),
                                                 random_ids(1, 7), random_ids(33, 8)};
  // Rows that stand in the cache already; the rest comes in one batch.
  const std::vector<int64_t> before = {0, 8, 0, 30};
  for (const OpsLevel level : supported_ops_levels()) {
    const LoadedModel loaded(folder_->path(), level);
    const Decoder& decoder = loaded.decoder();
    std::vector<SequencePages> pages;
    std::vector<DecoderStep> steps;
    std::vector<int64_t> batch;
    std::vector<float> expected;
    for (size_t s = 0; s < ids.size(); ++s) {
      const auto count = static_cast<int64_t>(ids[s].size());
      pages.emplace_back(layout(), count);
      if (before[s] > 0) {
        const std::vector<int64_t> old(ids[s].begin(), ids[s].begin() + before[s]);
        const DecoderStep step{
            .kv = pages[s].view(), .rows = before[s], .logits = LogitRows::kNone};
        EXPECT_EQ(decoder.forward(decoder.embed(old), {&step, 1}).dim(0), 0);
      }
      batch.insert(batch.end(), ids[s].begin() + before[s], ids[s].end());
      steps.push_back({.kv = pages[s].view(),
                       .start_position = before[s],
                       .rows = count - before[s],
                       .logits = s == 2 ? LogitRows::kAll : LogitRows::kLast});
      const std::vector<float> single = run(decoder, ids[s]);
      expected.insert(expected.end(), single.end() - small_config().decoder.vocabulary,
                      single.end());
    }
    const Tensor y = decoder.forward(decoder.embed(batch), steps);
    EXPECT_EQ(y.dim(0), 4);
    EXPECT_TRUE(same_bits(y.values(), expected)) << name(level);
  }
}

// What a longer pass left behind, and the growth after a shorter one, change nothing.
TEST_F(DecoderTest, PassesInTheSameMemoryGiveTheBitsOfEachAlone) {
  const LoadedModel loaded(folder_->path(), OpsLevel::kGeneric);
  const Decoder& decoder = loaded.decoder();
  DecoderWorkspace workspace;
  for (const int64_t rows : {3, 40, 1, 17}) {
    const std::vector<int64_t> ids = random_ids(rows, static_cast<uint64_t>(rows));
    const SequencePages pages(layout(), rows);
    const DecoderStep step{.kv = pages.view(), .rows = rows, .logits = LogitRows::kAll};
    const LogitsView y = decoder.forward(decoder.embed(ids), {&step, 1}, workspace);
    EXPECT_EQ(y.rows(), rows);
    EXPECT_TRUE(same_bits(y.values(), run(decoder, ids))) << rows;
  }
}

TEST_F(DecoderTest, AudioRowsStandInPlaceOfEmbeddings) {
  const LoadedModel loaded(folder_->path(), OpsLevel::kReference);
  const ModelTensors tensors = ModelTensors::open(folder_->path());
  const testing::SlowModel slow(tensors, folder_->config());
  const std::vector<int64_t> ids = random_ids(6, 9);
  Tensor x = loaded.decoder().embed(ids);
  Rows slow_x = slow.embed(ids);
  for (int64_t r = 2; r < 4; ++r) {
    for (size_t i = 0; i < x.row(r).size(); ++i) {
      x.row(r)[i] = 0.25F * static_cast<float>(i % 5);
      slow_x[static_cast<size_t>(r)][i] = 0.25 * static_cast<double>(i % 5);
    }
  }
  const SequencePages pages(layout(), 6);
  const DecoderStep step{.kv = pages.view(), .rows = 6};
  const Tensor y = loaded.decoder().forward(x, {&step, 1});
  const Rows expected = slow.decode(slow_x);
  for (size_t i = 0; i < expected.back().size(); ++i) {
    EXPECT_NEAR(y.values()[i], expected.back()[i], 1e-5);
  }
}

template <typename F>
std::pair<ErrorCode, std::string> error_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {ErrorCode::kCancelled, "no error"};
}

TEST_F(DecoderTest, ATokenOutsideOfTheVocabularyIsAPlainError) {
  const LoadedModel loaded(folder_->path(), OpsLevel::kGeneric);
  for (const int64_t id : {int64_t{-1}, int64_t{70}, int64_t{151690}}) {
    const auto [code, text] = error_of([&] { loaded.decoder().embed({&id, 1}); });
    EXPECT_EQ(code, ErrorCode::kInvalidModel);
    EXPECT_THAT(text, HasSubstr(fmt::format("token {} ", id)));
    EXPECT_THAT(text, HasSubstr("70"));
  }
}

TEST_F(DecoderTest, ASequenceLongerThanThePositionsIsAPlainError) {
  const LoadedModel loaded(folder_->path(), OpsLevel::kGeneric);
  const SequencePages pages(layout(), 160);
  const std::vector<int64_t> ids = random_ids(10, 10);
  const DecoderStep step{.kv = pages.view(), .start_position = 120, .rows = 10};
  const auto [code, text] = error_of([&] {
    loaded.decoder().forward(loaded.decoder().embed(ids), {&step, 1});
  });
  EXPECT_EQ(code, ErrorCode::kTooLarge);
  EXPECT_THAT(text, HasSubstr("130 tokens"));
  EXPECT_THAT(text, HasSubstr("128"));
}

TEST_F(DecoderTest, TooFewPagesAreOurOwnBug) {
  const LoadedModel loaded(folder_->path(), OpsLevel::kGeneric, 1);
  const SequencePages pages(layout(), 16);
  const std::vector<int64_t> ids = random_ids(17, 12);
  const DecoderStep step{.kv = pages.view(), .rows = 17};
  EXPECT_DEATH(loaded.decoder().forward(loaded.decoder().embed(ids), {&step, 1}), "pages");
}

TEST_F(DecoderTest, AModelOfTheTinyShapeRuns) {
  const RandomModelFolder tiny(config_like("tiny"), DType::kBF16);
  const auto ops = make_ops(2);
  const Model model = Model::open(tiny.path(), *ops);
  const KvLayout tiny_layout = KvLayout::of(tiny.config().decoder);
  const SequencePages pages(tiny_layout, 5);
  const std::vector<int64_t> ids = {1, 2, 3, 4, 639};
  const DecoderStep step{.kv = pages.view(), .rows = 5};
  const Tensor y = model.decoder().forward(model.decoder().embed(ids), {&step, 1});
  EXPECT_EQ(y.shape(), (Shape{1, 640}));
  EXPECT_TRUE(std::ranges::all_of(y.values(), [](float v) { return std::isfinite(v); }));
}

}  // namespace
}  // namespace stapes
