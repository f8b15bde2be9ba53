// The filter with a judge: fair ones, and those that hang, lie or write garbage, as real servers.
#include "train/mgrd/chain_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>

#include "base/file.h"
#include "net/testing/scripted_server.h"
#include "stapes/error.h"
#include "train/testing/mgrd_recipe_text.h"

namespace stapes::train {
namespace {

using net::testing::http_reply;
using net::testing::ScriptedReply;
using net::testing::ScriptedServer;
using nlohmann::json;
using reward::FilterStage;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::mgrd_text;

ScriptedReply says(const std::string& content) {
  return http_reply(
      json({{"choices", {{{"message", {{"role", "assistant"}, {"content", content}}}}}}}).dump());
}
std::string verdict(bool names, bool leans, bool follows) {
  return json({{"names_sound", names},
               {"leans_on_text", leans},
               {"follows", follows},
               {"reason", "because"}})
      .dump();
}

world::Event note(double start_s, int midi_note) {
  world::Event event;
  event.start_s = start_s;
  event.end_s = start_s + 0.4;
  event.midi_note = midi_note;
  event.level_db = -20;
  return event;
}

class ChainFilterTest : public ::testing::Test {
 protected:
  ChainFilterTest()
      : tokenizer_(Tokenizer::parse(
            read_file(std::string(STAPES_SOURCE_DIR) + "/models/tiny/tokenizer.json"), "tiny")) {
    prompt_.id = "recording";
    prompt_.messages = {
        {"user", {ContentPart::of_audio(0), ContentPart::of_text("How many notes are there?")}}};
    prompt_.expected.text = "3";
    world::Truth truth;
    for (int i = 0; i < 3; ++i) truth.events.push_back(note(0.5 * i, 64));
    prompt_.truth = truth;
    prompt_.clips.push_back({.samples = std::vector<float>(24'000, 0.01f)});
    good_.thinking = "First I hear E4; second E4; third E4. That makes 3 notes.";
    good_.answer = "3";
    good_.thought_closed = true;
    good_.ids = {1};
  }
  MgrdRecipe recipe(const std::string& judge) const {
    return parse_mgrd_recipe(
        mgrd_text({.run_folder = "unused", .more = judge.empty() ? "" : "[judge]\n" + judge}),
        "test.toml");
  }
  static std::string keys(const ScriptedServer& server, const std::string& on_failure,
                          int give_up_after = 8) {
    return "url = \"" + server.url("/v1") + "\"\nvotes = 1\nattempts = 1\ntimeout_s = 0.2\n" +
           "give_up_after = " + std::to_string(give_up_after) + "\non_failure = \"" + on_failure +
           "\"\n";
  }
  reward::GroundingReport check(ChainFilter& filter, const Rollout& rollout) const {
    return filter.check(prompt_, evidence_of(prompt_), rollout);
  }

  Tokenizer tokenizer_;
  RolloutPrompt prompt_;
  Rollout good_;
};

TEST_F(ChainFilterTest, WithoutAJudgeTheRulesDecide) {
  const MgrdRecipe r = recipe("");
  ChainFilter filter(r, tokenizer_);
  EXPECT_TRUE(check(filter, good_).kept()) << check(filter, good_).reason;
  Rollout wrong = good_;
  wrong.answer = "4";
  EXPECT_EQ(check(filter, wrong).stage, FilterStage::kRight);
  Rollout false_claim = good_;
  false_claim.thinking = "First I hear A5; second E4; third E4. That makes 3 notes.";
  EXPECT_EQ(check(filter, false_claim).stage, FilterStage::kTrueClaims);
  Rollout surrogate = good_;
  surrogate.thinking = "According to the transcript there is E4; E4; E4. That makes 3 notes.";
  EXPECT_EQ(check(filter, surrogate).stage, FilterStage::kNoText);
  Rollout cut = good_;
  cut.stop = StopReason::kLength;
  EXPECT_EQ(check(filter, cut).stage, FilterStage::kWhole) << "a reply that was cut is no chain";
}

// What is spoken is no answer to how it is spoken, however true.
TEST_F(ChainFilterTest, InThoughtsAboutProsodyHeardWordsDoNotCount) {
  prompt_.task = "conflict";
  prompt_.messages.back().parts.back() = ContentPart::of_text("Does it rise or fall?");
  prompt_.expected.text = "fall";
  prompt_.truth = world::Truth{};
  for (const int digit : {4, 5}) {
    world::Event event = note(0.5 * digit, -1);
    event.digit = digit;
    event.speaker = "theo";
    event.level_db = -10.0 * digit;
    prompt_.truth->events.push_back(event);
  }
  prompt_.truth->number_trend = 1;
  prompt_.truth->loudness_trend = -1;
  const MgrdRecipe strict = parse_mgrd_recipe(
      mgrd_text({.run_folder = "unused", .filter = "prosody_tasks = [\"conflict\"]\n"}),
      "test.toml");
  const MgrdRecipe loose = recipe("");
  Rollout reply = good_;
  reply.answer = "fall";
  const auto stage = [&](const MgrdRecipe& r, const std::string& thinking) {
    reply.thinking = thinking;
    ChainFilter filter(r, tokenizer_);
    return check(filter, reply).stage;
  };
  const std::string words = "First I hear 4, second 5. So it goes.";
  EXPECT_EQ(stage(loose, words), FilterStage::kKept);
  EXPECT_EQ(stage(strict, words), FilterStage::kNamesSound);
  // Nor is naming a property enough, if nothing is claimed of it.
  EXPECT_EQ(stage(strict, words + " Loudness matters."), FilterStage::kTrueClaims);
  EXPECT_EQ(stage(strict, words + " The loudness rises."), FilterStage::kTrueClaims);
  EXPECT_EQ(stage(strict, words + " The loudness falls."), FilterStage::kKept);
  prompt_.task = "transcribe";
  EXPECT_EQ(stage(strict, words), FilterStage::kKept);
}

TEST_F(ChainFilterTest, TheJudgeIsAskedOnlyForWhatPassedTheRules) {
  ScriptedServer server(
      [](const std::string&, const std::string&) { return says(verdict(true, false, true)); });
  const MgrdRecipe r = recipe(keys(server, "stop"));
  ChainFilter filter(r, tokenizer_);
  Rollout wrong = good_;
  wrong.answer = "4";
  EXPECT_EQ(check(filter, wrong).stage, FilterStage::kRight);
  EXPECT_EQ(server.requests(), 0);
  const reward::GroundingReport kept = check(filter, good_);
  EXPECT_TRUE(kept.kept());
  EXPECT_TRUE(kept.judged && kept.judged->grounded());
  EXPECT_EQ(server.requests(), 1);
  const json data =
      json::parse(json::parse(server.last_body())["messages"][1]["content"].get<std::string>());
  EXPECT_EQ(data["thought"], good_.thinking);
  EXPECT_THAT(data["known_of_the_recording"].get<std::string>(), HasSubstr("length"));
}

TEST_F(ChainFilterTest, AJudgeThatSaysNoDropsTheChain) {
  ScriptedServer server(
      [](const std::string&, const std::string&) { return says(verdict(true, true, true)); });
  const MgrdRecipe r = recipe(keys(server, "keep"));
  ChainFilter filter(r, tokenizer_);
  EXPECT_EQ(check(filter, good_).stage, FilterStage::kJudged);
}

// One that hangs, one that writes garbage, one that is out of order, one that hangs up.
TEST_F(ChainFilterTest, WithoutAVerdictTheRecipeDecides) {
  for (const ScriptedReply& reply :
       {ScriptedReply{"", true}, says("I would say that this is a fine thought."),
        http_reply("{\"error\": \"overloaded\"}", 503), ScriptedReply{"", false}}) {
    ScriptedServer server([&](const std::string&, const std::string&) { return reply; });
    const MgrdRecipe keep = recipe(keys(server, "keep"));
    ChainFilter keeping(keep, tokenizer_);
    EXPECT_TRUE(check(keeping, good_).kept());
    const MgrdRecipe drop = recipe(keys(server, "drop"));
    ChainFilter dropping(drop, tokenizer_);
    const reward::GroundingReport dropped = check(dropping, good_);
    EXPECT_EQ(dropped.stage, FilterStage::kJudged);
    EXPECT_NE(dropped.reason, "");
    const MgrdRecipe stop = recipe(keys(server, "stop"));
    ChainFilter stopping(stop, tokenizer_);
    try {
      check(stopping, good_);
      ADD_FAILURE() << "expected an error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kIo);
      EXPECT_THAT(error.what(), AllOf(HasSubstr("no verdict from the judge at http://127.0.0.1:"),
                                      HasSubstr("0 of 1 votes")));
    }
  }
}

TEST_F(ChainFilterTest, AJudgeThatGivesNoVerdictAgainAndAgainIsGivenUp) {
  ScriptedServer server([](const std::string&, const std::string&) {
    return ScriptedReply{"", true};
  });
  const MgrdRecipe r = recipe(keys(server, "drop", 3));
  ChainFilter filter(r, tokenizer_);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(check(filter, good_).stage, FilterStage::kJudged);
  EXPECT_EQ(server.requests(), 3);
  EXPECT_EQ(check(filter, good_).reason, "the judge was given up");
}

TEST_F(ChainFilterTest, AVerdictInBetweenStartsTheCountAgain) {
  std::atomic<int> asked = 0;
  ScriptedServer server([&](const std::string&, const std::string&) {
    return ++asked % 2 == 0 ? says(verdict(true, false, true)) : says("hm");
  });
  const MgrdRecipe r = recipe(keys(server, "drop", 2));
  ChainFilter filter(r, tokenizer_);
  for (int i = 1; i <= 6; ++i) EXPECT_EQ(check(filter, good_).kept(), i % 2 == 0) << i;
  EXPECT_EQ(asked, 6);
}

TEST_F(ChainFilterTest, StopsBeforeTheJudgeIsAsked) {
  ScriptedServer server(
      [](const std::string&, const std::string&) { return says(verdict(true, false, true)); });
  const MgrdRecipe r = recipe(keys(server, "keep"));
  const std::atomic<bool> stop{true};
  ChainFilter filter(r, tokenizer_, &stop);
  EXPECT_THROW(check(filter, good_), Error);
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(ChainFilterTest, TheKeyComesFromTheEnvironment) {
  ScriptedServer server(
      [](const std::string&, const std::string&) { return says(verdict(true, false, true)); });
  const std::string judge = keys(server, "keep") + "key_variable = \"STAPES_MGRD_TEST_KEY\"\n";
  const MgrdRecipe r = recipe(judge);
  ::unsetenv("STAPES_MGRD_TEST_KEY");
  EXPECT_THROW(ChainFilter(r, tokenizer_), Error);
  ::setenv("STAPES_MGRD_TEST_KEY", "secret", 1);
  ChainFilter filter(r, tokenizer_);
  check(filter, good_);
  EXPECT_THAT(server.last_head(), HasSubstr("Bearer secret"));
  ::unsetenv("STAPES_MGRD_TEST_KEY");
}

TEST(EvidenceOf, TruthForTheWorldAndMeasurementForRecordings) {
  RolloutPrompt prompt;
  EXPECT_TRUE(evidence_of(prompt).empty());
  AudioClip clip;
  for (int i = 0; i < 16'000; ++i)
    clip.samples.push_back(0.3f * std::sin(2 * 3.14159265f * 440 * static_cast<float>(i) / 16'000));
  prompt.clips = {clip};
  const reward::Evidence measured = evidence_of(prompt);
  ASSERT_EQ(measured.size(), 1U);
  EXPECT_FALSE(measured.front().exact);
  prompt.truth.emplace();
  prompt.truth->events = {note(0, 69)};
  EXPECT_TRUE(evidence_of(prompt).front().exact);
  prompt.truth.reset();
  prompt.clips.push_back(clip);
  EXPECT_TRUE(evidence_of(prompt).empty()) << "a claim would be about one of the two";
}

}  // namespace
}  // namespace stapes::train
