#include "world/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "stapes/error.h"
#include "world/test_support.h"
#include "world/text_twins.h"

namespace stapes::world {
namespace {

std::vector<nlohmann::json> read_lines(const std::filesystem::path& path) {
  std::vector<nlohmann::json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST(ExportExamples, WritesWhatTheWorldSays) {
  const test::TemporaryFolder recordings, folder;
  test::write_tone_digits(recordings.path());
  WorldOptions options;
  options.digits_folder = recordings.path();
  const World world(options);
  export_examples(world, Split::kTest, 20, 11, folder.path() / "new" / "deep");

  const auto base = folder.path() / "new" / "deep";
  const std::vector<nlohmann::json> lines = read_lines(base / "test.jsonl");
  ASSERT_EQ(lines.size(), 20U);
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto task = static_cast<Task>(i % kFirstTaskCount);
    const Example expected = world.example(task, Split::kTest, 11, i);
    const nlohmann::json& line = lines[i];
    ASSERT_EQ(line["messages"].size(), 2U);
    EXPECT_EQ(line["messages"][0]["role"], "user");
    EXPECT_EQ(line["messages"][0]["content"], "<audio>" + expected.question);
    EXPECT_EQ(line["messages"][1]["role"], "assistant");
    EXPECT_EQ(line["messages"][1]["content"],
              "<think>\n" + expected.thinking + "\n</think>\n" + expected.answer);
    EXPECT_EQ(line["task"], name(task));
    EXPECT_EQ(line["answer"], expected.answer);
    EXPECT_EQ(line["truth"]["events"].size(), expected.clip.truth.events.size());
    ASSERT_EQ(line["audios"].size(), 1U);
    const AudioClip written = load_audio_file(base / line["audios"][0].get<std::string>());
    ASSERT_EQ(written.samples.size(), expected.clip.audio.samples.size());
    for (size_t n = 0; n < written.samples.size(); ++n)
      ASSERT_NEAR(written.samples[n], expected.clip.audio.samples[n], 1.0 / 32768);
  }
}

TEST(ExportExamples, MelodiesOnlyWithoutRecordingsAndNoInfinityInJson) {
  const test::TemporaryFolder folder;
  WorldOptions options;
  options.augment = false;
  const World world(options);
  export_examples(world, Split::kTrain, 8, 1, folder.path());
  const std::vector<nlohmann::json> lines = read_lines(folder.path() / "train.jsonl");
  ASSERT_EQ(lines.size(), 8U);
  EXPECT_EQ(lines[0]["task"], "count-notes");
  EXPECT_EQ(lines[3]["task"], "loudness");
  EXPECT_EQ(lines[4]["task"], "count-notes");
  EXPECT_TRUE(lines[0]["truth"]["noise_db"].is_null());
  EXPECT_TRUE(lines[0]["truth"]["events"][0]["note"].is_string());
  EXPECT_TRUE(lines[0]["truth"]["timbre"].is_string());
}

TEST(ExportExamples, NamedTasksTakeTurns) {
  const test::TemporaryFolder recordings, folder;
  test::write_tone_digits(recordings.path());
  const World world({.digits_folder = recordings.path()});
  export_examples(world, Split::kTrain, 6, 1, folder.path(), {Task::kConflict, Task::kCountBeats});
  const std::vector<nlohmann::json> lines = read_lines(folder.path() / "train.jsonl");
  ASSERT_EQ(lines.size(), 6U);
  for (size_t i = 0; i < lines.size(); ++i) {
    const nlohmann::json& truth = lines[i]["truth"];
    EXPECT_EQ(lines[i]["task"], i % 2 == 0 ? "conflict" : "count-beats");
    EXPECT_EQ(truth.contains("conflicts"), i % 2 == 0);
    if (i % 2 == 0) {
      EXPECT_EQ(truth["conflicts"], truth["number_trend"] != truth["loudness_trend"]);
    } else {
      EXPECT_EQ(lines[i]["answer"], std::to_string(truth["events"].size()));
      EXPECT_FALSE(truth["events"][0].contains("note"));
    }
  }
}

TEST(ExportTexts, WritesWhatTheTwinsSay) {
  const test::TemporaryFolder folder;
  export_texts(Split::kTest, 40, 3, folder.path() / "deep");
  const auto lines = read_lines(folder.path() / "deep" / "test-text.jsonl");
  ASSERT_EQ(lines.size(), 40U);
  for (size_t i = 0; i < lines.size(); ++i) {
    const TextExample expected = text_example(Split::kTest, 3, i);
    EXPECT_EQ(lines[i]["task"], expected.task);
    EXPECT_EQ(lines[i]["messages"][0]["content"], expected.question);
    EXPECT_EQ(lines[i]["messages"][1]["content"],
              "<think>\n" + expected.thinking + "\n</think>\n" + expected.answer);
    EXPECT_EQ(lines[i]["answer_kind"], expected.answer_kind);
    EXPECT_EQ(lines[i].contains("choices"), expected.answer_kind == "choice");
    EXPECT_FALSE(lines[i].contains("audios"));
  }
  EXPECT_THROW(export_texts(Split::kTest, 1, 3, folder.path(), {"sum"}), Error);
}

TEST(ExportExamples, SaysWhatIsWrong) {
  const test::TemporaryFolder folder;
  const World world({});
  try {
    export_examples(world, Split::kTrain, -1, 1, folder.path());
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_STREQ(error.what(), "expected a number of examples from 0, got -1");
  }
  std::ofstream(folder.path() / "file") << "in the way";
  try {
    export_examples(world, Split::kTrain, 1, 1, folder.path() / "file");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("cannot make the folder"));
  }
}

}  // namespace
}  // namespace stapes::world
