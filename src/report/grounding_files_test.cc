#include "report/grounding_files.h"

#include <gmock/gmock.h>

#include "report/testing/temporary_run.h"

namespace stapes::report {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

class GroundingFilesTest : public testing::TemporaryRun {};

TEST_F(GroundingFilesTest, ReadsTheFunnelThatTheFilterWrites) {
  write("round-2/funnel.json",
        R"({"round":2,"replies":2,"dropped":{"whole":0,"reasoning":0,"right":1},"kept":1,)"
        R"("claims":{"true":0,"false":4,"uncheckable":0},"surrogates":0,)"
        R"("left_out":{"duplicates":1}})");
  write("round-10/funnel.json", "{}");
  const GroundingRounds rounds = read_grounding(folder_, 10);
  ASSERT_EQ(rounds.funnels.size(), 2u);
  const Funnel& read = rounds.funnels[0];
  EXPECT_EQ(read.round, 2);
  EXPECT_EQ(rounds.funnels[1].round, 10) << "in order of numbers, not of letters";
  EXPECT_EQ(read.replies, 2);
  EXPECT_EQ(read.kept, 1);
  EXPECT_EQ(read.false_claims, 4);
  EXPECT_THAT(read.dropped.front(), Pair("whole", 0)) << "in the filter's order";
  EXPECT_THAT(read.dropped, ::testing::Contains(Pair("right", 1)));
  EXPECT_THAT(read.left_out, ElementsAre(Pair("duplicates", 1)));
}

TEST_F(GroundingFilesTest, MarksClaimsInTheThought) {
  write("round-1/funnel.json", "{}");
  write("round-1/clips/a.wav", "RIFF");
  write(
      "round-1/examples.jsonl",
      R"({"question":"Höher?","right":"7","audio":"clips/a.wav","before":{"thinking":"é low, high.",)"
      R"("answer":"3","report":{"stage":"true-claims","reason":"1 false","claims":[)"
      R"({"begin":8,"end":12,"verdict":"true","reason":"yes"},{"begin":3,"end":6,"verdict":"false","reason":"no"},)"
      R"({"begin":4,"end":9,"verdict":"true"},{"begin":0,"end":1,"verdict":"true"},)"
      R"({"begin":-5,"end":999,"verdict":"true"}]}},"after":{"thinking":"","answer":"7"}})"
      "\n");
  const GroundingRounds rounds = read_grounding(folder_, 10);
  EXPECT_THAT(rounds.complaints, IsEmpty());
  ASSERT_EQ(rounds.examples.size(), 1u);
  const GroundingExample& example = rounds.examples[0];
  EXPECT_TRUE(example.audio_found);
  EXPECT_EQ(example.expected, "7");
  EXPECT_EQ(example.before.stage, "true-claims");
  std::vector<std::string> pieces;
  for (const MarkedText& piece : example.before.thinking)
    pieces.push_back(piece.text + "|" + piece.verdict);
  // Overlapping, out of range and inside of a character: not marked.
  EXPECT_THAT(pieces, ElementsAre("é |", "low|false", ", |", "high|true", ".|"));
  EXPECT_THAT(example.after.thinking, IsEmpty());
}

TEST_F(GroundingFilesTest, SaysWhatIsMissingOrBroken) {
  write("round-1/examples.jsonl", "{\"question\":\"a\",\"audio\":\"gone.wav\"}\n{\"quest");
  write("round-2/funnel.json", "{\"replies\":");
  write("round-2/examples.jsonl", "");
  write("round-x/funnel.json", "{}");
  write("round-0/replies.jsonl", "");
  const GroundingRounds rounds = read_grounding(folder_, 10);
  EXPECT_THAT(rounds.complaints, ElementsAre(HasSubstr("round-1 has no funnel.json"),
                                             HasSubstr("round-1/examples.jsonl: lines left out: 1"),
                                             HasSubstr("round-2/funnel.json is no JSON"),
                                             HasSubstr("round-2/examples.jsonl holds no example")));
  ASSERT_EQ(rounds.examples.size(), 1u);
  EXPECT_FALSE(rounds.examples[0].audio_found);
}

}  // namespace
}  // namespace stapes::report
