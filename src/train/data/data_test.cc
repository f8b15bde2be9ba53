// Examples, batches, the loader and the JSON-lines source.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <set>

#include "audio/audio_file.h"
#include "base/file.h"
#include "base/rng.h"
#include "spec/audio_tokens.h"
#include "stapes/error.h"
#include "text/bpe_trainer.h"
#include "train/data/loader.h"
#include "train/data/mixed_source.h"
#include "train/testing/training_text.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::small_tokenizer;
using testing::tone;

Question question(const std::string& text, Reply reply) {
  return {{{"user", {ContentPart::of_audio(0), ContentPart::of_text(text)}}}, std::move(reply)};
}

std::vector<MelSpectrogram> one_mel() {
  std::vector<MelSpectrogram> mels;
  mels.push_back(LogMel(80).compute(tone(1).samples));
  return mels;
}

// The labels, read back as text, are the reply and <|EOT|>; the prompt is the inference side's own
// prompt.
TEST(MakeExample, LossIsOnTheReplyAlone) {
  const auto ask = question("How many?", reply_with_thinking("First I hear 3.", "1"));
  const TrainingExample example = make_example(small_tokenizer(), one_mel(), {ask});
  std::vector<TokenId> labels, prompt;
  for (size_t row = 0; row < example.ids.size(); ++row) {
    if (example.labels[row] != kIgnore) labels.push_back(example.labels[row]);
    if (labels.empty()) prompt.push_back(example.ids[row]);
  }
  prompt.push_back(example.ids[prompt.size()]);  // its last row predicts the reply's first token
  EXPECT_EQ(small_tokenizer().decode(labels), "First I hear 3.\n</think>\n1<|EOT|>");
  const int64_t count = audio_token_count(example.mels[0].frames, AudioRule::kHuggingFace);
  EXPECT_EQ(prompt, build_prompt(small_tokenizer(), ask.messages, std::span(&count, 1)).ids);
  EXPECT_EQ(static_cast<int64_t>(example.audio_spans[0].count), count);
}

TEST(MakeExample, DirectAnswersFollowTheEmptyThought) {
  const auto example = make_example(small_tokenizer(), one_mel(),
                                    {question("How many?", reply_without_thinking("1"))});
  std::vector<TokenId> labels;
  for (const auto label : example.labels)
    if (label != kIgnore) labels.push_back(label);
  EXPECT_EQ(small_tokenizer().decode(labels), "1<|EOT|>");
  EXPECT_THAT(small_tokenizer().decode(example.ids), HasSubstr("<think>\n\n</think>\n"));
}

// Each of the questions that share a clip has the rows, positions and labels it would have alone.
// A sampled thought may hold characters that are several tokens.
TEST(MakeExample, AThoughtIsNotCutInsideOfACharacter) {
  const std::string thinking = "音高 rises — 😀.";
  for (double share = 0; share <= 1; share += 0.04) {
    const Reply reply = reply_with_cut_thought(small_tokenizer(), thinking, "1", share);
    const std::string given = reply.assistant_prefix.substr(std::string("<think>\n").size());
    const size_t kept = given.find("\n</think>\n");
    ASSERT_NE(kept, std::string::npos);
    EXPECT_TRUE(thinking.starts_with(given.substr(0, kept))) << given;
    EXPECT_NO_THROW(make_example(small_tokenizer(), one_mel(), {question("How?", reply)})) << share;
  }
}

TEST(MakeExample, SharedQuestionsAreTheSameAsAlone) {
  const std::vector<Question> questions = {
      question("How many?", reply_with_thinking("First I hear 3.", "1")),
      question("Which digits?", reply_without_thinking("3"))};
  const TrainingExample both = make_example(small_tokenizer(), one_mel(), questions);
  for (int32_t i = 0; i < 2; ++i) {
    const TrainingExample alone =
        make_example(small_tokenizer(), one_mel(), {questions[static_cast<size_t>(i)]});
    TrainingExample seen;
    for (size_t row = 0; row < both.ids.size(); ++row) {
      if (both.segments[row] != 0 && both.segments[row] != i + 1) continue;
      seen.ids.push_back(both.ids[row]);
      seen.positions.push_back(both.positions[row]);
      seen.labels.push_back(both.labels[row]);
    }
    EXPECT_EQ(seen.ids, alone.ids);
    EXPECT_EQ(seen.positions, alone.positions);
    EXPECT_EQ(seen.labels, alone.labels);
  }
}

TEST(BatchLoader, BatchesDependOnTheStepAlone) {
  DataRecipe recipe;
  recipe.melody_share = 1;
  const auto source = world_source(recipe, 3, small_tokenizer(), 80);
  const auto first_ids = [&](int64_t first_step, int threads, int skip) {
    BatchLoader loader(*source, 2, 80, 3, first_step, threads);
    for (int i = 0; i < skip; ++i) loader.next();
    const Batch batch = loader.next();
    return std::pair(batch.ids, batch.mels);
  };
  const auto expected = first_ids(0, 1, 10);
  EXPECT_EQ(first_ids(0, 2, 10), expected);
  EXPECT_EQ(first_ids(10, 1, 0), expected);
  EXPECT_EQ(first_ids(5, 2, 5), expected);
  EXPECT_NE(first_ids(11, 1, 0), expected);
}

// Of lengths that differ by a factor of ten.
class Lengths : public ExampleSource {
 public:
  TrainingExample get(Phase /*phase*/, uint64_t index, int64_t /*step*/) const override {
    const auto rows = static_cast<size_t>(Rng(3, 1, index).integer(20, 200));
    TrainingExample example;
    example.ids.assign(rows, static_cast<TokenId>(index));
    example.positions.assign(rows, 0);
    example.segments.assign(rows, 0);
    example.labels.assign(rows, 1);
    return example;
  }
  std::string fingerprint() const override { return ""; }
};

TEST(BatchLoader, StepsOfSoManyRowsAreAPureFunctionOfTheStepToo) {
  const Lengths source;
  const int per_step = examples_for_rows(source, 2000, 0);
  EXPECT_NEAR(per_step, 2000.0 / 110, 2);
  const auto batches = [&](int64_t first_step, int threads, int count) {
    BatchLoader loader(source, per_step, 80, 3, first_step, threads, BatchCut::kByRows);
    std::vector<Batch> made;
    for (int i = 0; i < count; ++i) made.push_back(loader.next());
    return made;
  };
  const auto all = batches(0, 2, 24);
  std::set<int64_t> samples;
  double rows = 0;
  int64_t fewest = 1000, most = 0;
  for (const Batch& batch : all) {
    rows += static_cast<double>(batch.tokens);
    // One whole sample more or less than its share of the group, whose samples are drawn at random.
    EXPECT_NEAR(static_cast<double>(batch.tokens), 2000, 450);
    fewest = std::min(fewest, batch.examples);
    most = std::max(most, batch.examples);
    for (int64_t b = 0; b < batch.examples; ++b)
      samples.insert(batch.ids[static_cast<size_t>(b * batch.rows)]);
  }
  EXPECT_NEAR(rows / 24, 2000, 200);
  EXPECT_GT(most, 2 * fewest);  // long samples stand in small batches
  EXPECT_EQ(samples.size(), static_cast<size_t>(per_step) * 24);  // each once
  const auto later = batches(13, 1, 11);
  for (size_t i = 0; i < later.size(); ++i) EXPECT_EQ(later[i].ids, all[13 + i].ids);
}

// Ids of the examples in a batch, each of which has its own.
std::multiset<int64_t> ids_in(const Batch& batch) {
  std::multiset<int64_t> ids;
  for (int64_t b = 0; b < batch.examples; ++b)
    ids.insert(batch.ids[static_cast<size_t>(b * batch.rows)]);
  return ids;
}

TEST(BatchLoader, RanksShareTheBatchesOfOneProcess) {
  const Lengths source;
  for (const BatchCut cut : {BatchCut::kByCount, BatchCut::kByRows}) {
    for (const int per_step : {1, 2, 7}) {
      BatchLoader whole(source, per_step, 80, 3, 5, 1, cut);
      std::vector<std::unique_ptr<BatchLoader>> ranks;
      for (int rank = 0; rank < 3; ++rank)
        ranks.push_back(std::make_unique<BatchLoader>(source, per_step, 80, 3, 5, 2, cut,
                                                      BatchShare{.rank = rank, .count = 3}));
      std::vector<int64_t> examples(3, 0);
      for (int step = 5; step < 29; ++step) {
        std::multiset<int64_t> together;
        int64_t fewest = 1000, most = 0;
        for (size_t rank = 0; rank < 3; ++rank) {
          const Batch part = ranks[rank]->next();
          together.merge(ids_in(part));
          fewest = std::min(fewest, part.examples);
          most = std::max(most, part.examples);
          examples[rank] += part.examples;
        }
        EXPECT_EQ(together, ids_in(whole.next())) << "step " << step;
        EXPECT_LE(most - fewest, 1);
      }
      // Nobody has the larger part every time.
      EXPECT_LE(std::ranges::max(examples) - std::ranges::min(examples), 8);
    }
  }
}

TEST(ExampleSource, TellsHowManyRowsAnExampleHas) {
  DataRecipe recipe;
  recipe.melody_share = 1;
  recipe.questions_per_clip = 3;
  recipe.question_first_share = 0.3;
  recipe.self_cognition_share = 0.2;
  std::vector<WeightedSource> parts;
  parts.push_back({"world", world_source(recipe, 3, small_tokenizer(), 80), 2});
  parts.push_back({"text", text_source({}, 3, small_tokenizer()), 1});
  const auto source = mixed_source(std::move(parts), 3);
  for (const Phase phase : {Phase::kTraining, Phase::kEvaluation})
    for (uint64_t i = 0; i < 40; ++i)
      EXPECT_EQ(source->rows(phase, i, 7), std::ssize(source->get(phase, i, 7).ids)) << i;
}

TEST(BatchLoader, EveryBatchHasASample) {
  const Lengths source;
  BatchLoader loader(source, 1, 80, 3, 0, 1, BatchCut::kByRows);
  for (int i = 0; i < 16; ++i) EXPECT_EQ(loader.next().examples, 1);
}

class JsonlTest : public ::testing::Test {
 protected:
  JsonlTest()
      : folder_(fs::path(::testing::TempDir()) / ("stapes-jsonl-" + std::to_string(::getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write_wav_file(folder_ / "a.wav", tone(0.5));
  }
  ~JsonlTest() override { fs::remove_all(folder_); }

  std::unique_ptr<ExampleSource> open(const std::string& lines) const {
    write_file_atomically(folder_ / "data.jsonl", lines);
    Quarantine quarantine(0, {});
    return jsonl_source(folder_ / "data.jsonl", {.seed = 1}, small_tokenizer(), 80, quarantine);
  }
  std::string refusal(const std::string& lines) const {
    try {
      open(lines);
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }
  fs::path folder_;
};

TEST_F(JsonlTest, TagsAndContentListsGiveTheSameExample) {
  const auto tags = open(
      R"({"messages":[{"role":"user","content":"<audio>What?"},{"role":"assistant","content":"<think>\nIt hums.\n</think>\nA tone."}],"audios":["a.wav"]})");
  const TrainingExample from_tags = tags->get(Phase::kTraining, 0, 0);
  const auto list = open(
      R"({"messages":[{"role":"user","content":[{"type":"audio","audio":"a.wav"},{"type":"text","text":"What?"}]},{"role":"assistant","content":"<think>\nIt hums.\n</think>\nA tone."}]})");
  const TrainingExample from_list = list->get(Phase::kTraining, 0, 0);
  EXPECT_EQ(from_tags.ids, from_list.ids);
  EXPECT_EQ(from_tags.labels, from_list.labels);
  EXPECT_THAT(small_tokenizer().decode(from_tags.ids),
              HasSubstr("What?<|EOT|><|BOT|>assistant\n<think>\nIt hums."));
}

TEST_F(JsonlTest, EveryLineIsUsedOnceAPass) {
  std::string lines;
  for (int i = 0; i < 15; ++i)
    lines +=
        fmt::format(
            R"({{"messages":[{{"role":"user","content":"q{}"}},{{"role":"assistant","content":"a"}}]}})",
            i) +
        "\n";
  const auto source = open(lines);
  std::set<std::vector<TokenId>> seen;
  for (uint64_t i = 30; i < 45; ++i) seen.insert(source->get(Phase::kTraining, i, 0).ids);
  EXPECT_EQ(seen.size(), 15u);
}

TEST_F(JsonlTest, SaysWhichLineIsWrongAndWhy) {
  const std::string good =
      R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]})";
  EXPECT_THAT(refusal(good + "\n{broken"), AllOf(HasSubstr("data.jsonl:2"), HasSubstr("messages")));
  EXPECT_THAT(refusal(R"({"messages":[{"role":"user","content":"q"}]})"),
              HasSubstr("must be the assistant's"));
  EXPECT_THAT(
      refusal(
          R"({"messages":[{"role":"user","content":"<audio>q"},{"role":"assistant","content":"a"}]})"),
      HasSubstr("1 <audio> tags, but 0 audio files"));
  EXPECT_THAT(
      refusal(
          R"({"messages":[{"role":"user","content":"<audio>q"},{"role":"assistant","content":"a"}],"audios":["none.wav"]})"),
      HasSubstr("none.wav"));
  EXPECT_THAT(
      refusal(R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":""}]})"),
      HasSubstr("not empty"));
  EXPECT_THAT(refusal("{\"messages\": \"\xff\"}"), HasSubstr("UTF-8"));
  EXPECT_THAT(refusal("\n\n"), HasSubstr("no samples"));
}

}  // namespace
}  // namespace stapes::train
