// Any text at all may come from a model: nothing here may throw, crash or take long.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "base/rng.h"
#include "reward/grounding_report.h"
#include "reward/self_cognition.h"
#include "world/random_truth.h"
#include "world/world.h"

namespace stapes::reward {
namespace {

constexpr std::array<std::string_view, 48> kPieces = {"First I hear ",
                                                      "second ",
                                                      "third",
                                                      "; ",
                                                      ". ",
                                                      ", ",
                                                      "\n",
                                                      "3",
                                                      "-12 dB",
                                                      "E4",
                                                      "C#",
                                                      "b9",
                                                      "7 < 3, so ",
                                                      "+ ",
                                                      "= ",
                                                      "0/0",
                                                      "1e999",
                                                      "\\boxed{",
                                                      "}",
                                                      "{\"a\":",
                                                      "\"",
                                                      "</think>",
                                                      "<think>",
                                                      "The answer is ",
                                                      "pitch ",
                                                      "rises ",
                                                      "falls ",
                                                      "not ",
                                                      "louder ",
                                                      "than the ",
                                                      "pause ",
                                                      "of ",
                                                      "one ",
                                                      "half a ",
                                                      "hundred ",
                                                      "and ",
                                                      "seconds ",
                                                      "bpm ",
                                                      "Hz ",
                                                      "beeps ",
                                                      "I cannot hear audio",
                                                      "according to the transcript ",
                                                      "\xff\xfe",
                                                      "\xE2\x80",
                                                      "。",
                                                      "无法",
                                                      "9999999999999999999",
                                                      " "};

std::string random_text(Rng& rng) {
  std::string text;
  const int64_t pieces = rng.integer(0, 60);
  for (int64_t i = 0; i < pieces; ++i) text += rng.pick(kPieces);
  return text;
}

// A thought of the world with some bytes changed, dropped or doubled.
std::string damaged(std::string text, Rng& rng) {
  for (int64_t i = rng.integer(1, 6); i > 0 && !text.empty(); --i) {
    const auto at = static_cast<size_t>(rng.integer(0, static_cast<int64_t>(text.size()) - 1));
    switch (rng.integer(0, 3)) {
      case 0:
        text[at] = static_cast<char>(rng.integer(0, 255));
        break;
      case 1:
        text.erase(at, static_cast<size_t>(rng.integer(1, 5)));
        break;
      case 2:
        text.insert(at, text.substr(at, 7));
        break;
      default:
        text.insert(at, rng.pick(kPieces));
        break;
    }
  }
  return text;
}

void check_everything(const std::string& thinking, const std::string& answer,
                      const world::Truth& truth) {
  for (int kind = 0; kind < 5; ++kind) {
    GroundingInput input;
    input.question = "Which is it?";
    input.reply = {thinking, answer, true};
    input.evidence = {facts_of(truth)};
    input.expected = ExpectedAnswer{.kind = static_cast<AnswerKind>(kind),
                                    .text = kind == 2 ? "no" : "10",
                                    .choices = {"no", "yes", "both"}};
    const GroundingReport report = check_grounding(input);
    for (const CheckedClaim& checked : report.claims) {
      EXPECT_LE(checked.claim.begin, checked.claim.end);
      EXPECT_LE(checked.claim.end, thinking.size());
      EXPECT_LE(checked.claim.value_end, thinking.size());
    }
    if (report.grade && report.grade->score) {
      EXPECT_TRUE(*report.grade->score == 0 || *report.grade->score == 1);
    }
    EXPECT_FALSE(
        to_json(report).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).empty());
  }
  split_reply(thinking + answer);
}

TEST(HostileText, RandomPieces) {
  for (uint64_t i = 0; i < 3000; ++i) {
    Rng rng(11, 0, i);
    const world::Truth truth =
        world::random_truth(static_cast<world::Task>(i % world::kTaskCount), rng);
    check_everything(random_text(rng), random_text(rng), truth);
  }
}

TEST(HostileText, DamagedThoughts) {
  for (uint64_t i = 0; i < 3000; ++i) {
    Rng rng(12, 0, i);
    const auto task = static_cast<world::Task>(i % world::kTaskCount);
    const world::Truth truth = world::random_truth(task, rng);
    check_everything(damaged(world::thinking_for(task, truth), rng),
                     damaged(world::answer_for(task, truth), rng), truth);
  }
}

TEST(HostileText, LongRepliesInGoodTime) {
  // 10,240 tokens are some 40 kB; here are 400.
  Rng rng(13);
  const world::Truth truth = world::random_truth(world::Task::kSum, rng);
  std::string text;
  while (text.size() < 400'000) text += world::thinking_for(world::Task::kSum, truth) + " ";
  check_everything(text, "10", truth);
  check_everything(std::string(400'000, '('), std::string(7000, '('), truth);
  check_everything(std::string(400'000, ' '), "", truth);
}

}  // namespace
}  // namespace stapes::reward
