// Real processes and real sockets, well-behaved and not.
#include "reward/external_grader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "net/testing/scripted_server.h"
#include "reward/child_command.h"
#include "stapes/error.h"
#include "world/test_support.h"

namespace stapes::reward {
namespace {

using net::testing::http_reply;
using net::testing::ScriptedReply;
using net::testing::ScriptedServer;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using world::test::TemporaryFolder;

std::vector<GradeItem> items(int count) {
  std::vector<GradeItem> all;
  for (int i = 0; i < count; ++i) {
    const std::string completion = "I think.\n</think>\nprint(" + std::to_string(i) + ")";
    all.push_back({"Write it.", completion, split_reply(completion), {{"solution", i % 2}}});
  }
  return all;
}

// awk takes the id and the sample's solution out of each line: score = solution.
constexpr const char* kScoreBySolution =
    R"(sed -E 's/.*"id":([0-9]+).*"solution":([0-9]+).*/{"id":\1,"score":\2,"reason":"by rule"}/')";

TEST(CommandGrader, GradesEveryItemInOrder) {
  const auto grader = make_command_grader(kScoreBySolution, {.batch_size = 3});
  const auto grades = grader->grade(items(7));
  ASSERT_EQ(grades.size(), 7U);
  for (size_t i = 0; i < 7; ++i) {
    ASSERT_TRUE(grades[i].score) << grades[i].reason;
    EXPECT_EQ(*grades[i].score, static_cast<double>(i % 2));
    EXPECT_EQ(grades[i].reason, "by rule");
  }
  EXPECT_EQ(grader->counts().graded, 7);
  EXPECT_EQ(grader->counts().failed_batches, 0);
}

TEST(CommandGrader, TheCacheIsAskedFirstAndSurvives) {
  const TemporaryFolder folder;
  const std::string runs = (folder.path() / "runs").string();
  const std::string command = "echo x >> " + runs + "; " + kScoreBySolution;
  const auto first = make_command_grader(command, {}, folder.path() / "cache");
  first->grade(items(4));
  const auto second = make_command_grader(command, {}, folder.path() / "cache");
  const auto grades = second->grade(items(5));
  EXPECT_EQ(second->counts().from_cache, 4);
  EXPECT_EQ(second->counts().graded, 1);
  EXPECT_EQ(*grades[3].score, 1);
  EXPECT_EQ(grades[3].reason, "by rule");
  EXPECT_EQ(std::filesystem::file_size(runs), 4U) << "two runs of the command";
}

TEST(CommandGrader, NoScoreIsNotZero) {
  // Scores the first two items only, one of them with null.
  const auto grader = make_command_grader(
      R"(cat > /dev/null; echo '{"id":0,"score":0}'; echo '{"id":1,"score":null,"reason":"timeout"}')");
  const auto grades = grader->grade(items(3));
  EXPECT_EQ(grades[0].score, 0.0);
  EXPECT_FALSE(grades[1].score);
  EXPECT_EQ(grades[1].reason, "timeout");
  EXPECT_FALSE(grades[1].failed) << "the grader itself says that nobody can judge";
  EXPECT_FALSE(grades[2].score);
  EXPECT_TRUE(grades[2].failed) << "not a word about it";
  EXPECT_EQ(grader->counts().no_score, 2);
}

TEST(CommandGrader, GarbageIsSkipped) {
  const auto grader = make_command_grader(
      R"(cat > /dev/null; echo warming up; echo '[1,2]'; echo '{"id":"0","score":1}'; )"
      R"(echo '{"id":-1,"score":1}'; echo '{"id":99,"score":1}'; echo '{"id":0}'; )"
      R"(echo '{"id":0,"score":"high"}'; echo '{"id":0,"score":1}'; printf '{"id":1,"score":0.5}')");
  const auto grades = grader->grade(items(2));
  EXPECT_FALSE(grades[0].score) << "the first result of an id counts";
  EXPECT_EQ(grades[1].score, 0.5) << "the last line may lack its end";
}

TEST(CommandGrader, HangsAndFailuresAreLeftWithAWord) {
  struct Case {
    const char* command;
    const char* failure;
    bool hangs = false;
  };
  for (const auto& [command, failure, hangs] :
       {Case{"echo '{\"id\":0,\"score\":1}'; sleep 60", "not done within 0.5 s", true},
        Case{"exit 3", "status 3"}, Case{"kill -9 $$", "signal 9"},
        Case{"no-such-program-anywhere", "could not be started"},
        Case{"yes", "more than 1000000 bytes"},
        // A child of its own that keeps the output open.
        Case{"sleep 60 & echo '{\"id\":0,\"score\":1}'", "not done within 0.5 s", true}}) {
    // A busy machine may take its time to start a program.
    const auto grader = make_command_grader(
        command, {.time = milliseconds(hangs ? 500 : 15'000), .max_output_bytes = 1'000'000});
    const auto begin = std::chrono::steady_clock::now();
    const auto grades = grader->grade(items(2));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20)) << command;
    EXPECT_EQ(grader->counts().failed_batches, 1) << command;
    EXPECT_THAT(grader->counts().last_failure, HasSubstr(failure)) << command;
    EXPECT_FALSE(grades[1].score) << command;
    EXPECT_THAT(grades[1].reason, HasSubstr("the grader failed")) << command;
  }
  // What was scored before the time was over counts.
  const auto late =
      make_command_grader("echo '{\"id\":0,\"score\":1}'; sleep 60", {.time = milliseconds(500)});
  EXPECT_EQ(late->grade(items(2))[0].score, 1.0);
}

TEST(CommandGrader, BatchesRunTogetherAndNoMoreThanAllowed) {
  const TemporaryFolder folder;
  const std::string here = folder.path().string();
  // Each run counts those that run with it.
  const std::string command = "mark=$(mktemp " + here +
                              "/run.XXXXXX); cat > /dev/null; sleep 0.4; ls " + here +
                              "/run.* | wc -l >> " + here + "/seen; sleep 0.2; rm $mark; " +
                              R"(echo '{"id":0,"score":0.5}')";
  const auto grader = make_command_grader(command, {.batch_size = 1, .parallel = 3});
  for (const auto& grade : grader->grade(items(7))) EXPECT_EQ(grade.score, 0.5);
  std::ifstream seen(folder.path() / "seen");
  int most = 0;
  for (int running = 0; seen >> running;) most = std::max(most, running);
  EXPECT_GE(most, 2);
  EXPECT_LE(most, 3);
}

TEST(CommandGrader, AnotherVersionIsAskedAgain) {
  const TemporaryFolder folder;
  const auto graded_by = [&](const std::string& version) {
    const auto grader = make_command_grader(kScoreBySolution, {}, folder.path() / "cache", version);
    grader->grade(items(3));
    return grader->counts().graded;
  };
  EXPECT_EQ(graded_by("a"), 3);
  EXPECT_EQ(graded_by("a"), 0);
  EXPECT_EQ(graded_by("b"), 3);
}

TEST(CommandGrader, LargeBatchesDoNotBlockThePipes) {
  // More than a pipe holds in both directions, and a command that answers while it reads.
  std::vector<GradeItem> large = items(200);
  for (GradeItem& item : large) item.question = std::string(5000, 'q');
  const auto grader = make_command_grader(kScoreBySolution, {.batch_size = 200});
  EXPECT_EQ(grader->grade(large)[199].score, 1.0);
  // One that does not read at all.
  const auto deaf = make_command_grader("echo '{\"id\":0,\"score\":1}'", {.batch_size = 200});
  EXPECT_EQ(deaf->grade(large)[0].score, 1.0);
  EXPECT_EQ(deaf->counts().failed_batches, 0);
}

TEST(RunCommand, NothingOfItsGroupIsLeft) {
  const TemporaryFolder folder;
  const std::string file = (folder.path() / "pid").string();
  const CommandResult result =
      run_command("sleep 60 & echo $! > " + file + "; sleep 60", "", milliseconds(300), 1000);
  EXPECT_THAT(result.failure, HasSubstr("not done"));
  int pid = 0;
  std::ifstream(file) >> pid;
  ASSERT_GT(pid, 0);
  // Killed; it may take a moment until it is reaped.
  for (int i = 0; i < 100 && ::kill(pid, 0) == 0; ++i) {
    std::string state;
    std::ifstream(("/proc/" + std::to_string(pid) + "/stat").c_str()) >> state >> state >> state;
    if (state == "Z") return;
    ::usleep(20'000);
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(HttpGrader, SendsItemsAndReadsResults) {
  ScriptedServer server([](const std::string&, const std::string& body) {
    const auto json = nlohmann::json::parse(body);
    nlohmann::json results = nlohmann::json::array();
    for (const auto& item : json["items"])
      results.push_back({{"id", item["id"]}, {"score", item["row"]["solution"]}});
    return http_reply(nlohmann::json({{"results", results}}).dump());
  });
  const auto grader = make_http_grader(server.url("/grade"), {.batch_size = 2});
  const auto grades = grader->grade(items(5));
  EXPECT_EQ(grades[3].score, 1.0);
  EXPECT_EQ(grades[4].score, 0.0);
  EXPECT_EQ(server.requests(), 3);
  EXPECT_THAT(server.last_body(), HasSubstr("\"answer\":\"print(4)\""));
}

TEST(HttpGrader, MisbehavingServersGiveNoScores) {
  struct Case {
    ScriptedReply reply;
    const char* failure;
  };
  for (const auto& [reply, failure] :
       {Case{http_reply("{}", 500), "status 500"},
        Case{http_reply("garbage"), "expected {\"results\""},
        Case{http_reply("{\"results\": 3}"), "expected {\"results\""},
        Case{{"", true}, "within 0.4 s"}, Case{{"", false}, "no answer"}}) {
    ScriptedServer server([&](const std::string&, const std::string&) { return reply; });
    const auto grader = make_http_grader(server.url(), {.time = milliseconds(400)});
    const auto grades = grader->grade(items(1));
    EXPECT_FALSE(grades[0].score);
    EXPECT_THAT(grader->counts().last_failure, HasSubstr(failure));
  }
  EXPECT_THROW(make_http_grader("not a url"), Error);
}

}  // namespace
}  // namespace stapes::reward
