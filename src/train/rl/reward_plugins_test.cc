// Rewards of the user's own: real commands and real sockets, well-behaved and not.
#include "train/rl/reward_plugins.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "net/testing/scripted_server.h"
#include "stapes/error.h"
#include "text/think_splitter.h"
#include "train/rl_recipe.h"
#include "train/testing/runs.h"
#include "train/testing/training_text.h"
#include "world/test_support.h"

namespace stapes::train {
namespace {

using net::testing::http_reply;
using net::testing::ScriptedReply;
using net::testing::ScriptedServer;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using world::test::TemporaryFolder;

const std::string kClosedThought = "First I hear 3, second 4. 3 + 4 = 7.\n</think>\n";

RolloutPrompt prompt(json columns, const std::string& expected = "7") {
  RolloutPrompt made;
  made.id = "data.jsonl:1";
  made.messages = {{"user", {ContentPart::of_text("What?")}}};
  made.expected.text = expected;
  made.columns = std::move(columns);
  return made;
}

// Of a reply to `to`, which must outlive it.
Completion completion(const RolloutPrompt& to, const std::string& text,
                      StopReason stop = StopReason::kStop) {
  const ThinkingAndAnswer parts = split_thinking(text, /*thinking_open=*/true);
  return {.prompt = &to,
          .ids = {},
          .text = text,
          .thinking = parts.thinking,
          .answer = parts.answer,
          .thought_closed = parts.closed,
          .stop = stop};
}

class RewardPluginsTest : public ::testing::Test {
 protected:
  // A script that reads all lines and writes what `body`, a body of awk for each line, prints; its
  // variable `id` is the line's.
  RewardPlugin plugin(const std::string& awk_body) const {
    RewardPlugin made;
    made.name = "mine";
    made.command = {"awk",
                    "{ match($0, /\"id\":[0-9]+/); id = substr($0, RSTART + 5, RLENGTH - 5); " +
                        awk_body + " }"};
    return made;
  }
  std::vector<Reward> grade(const RewardPlugin& plugin,
                            const std::vector<Completion>& completions) const {
    return task_reward({}, testing::small_tokenizer(), {plugin})->grade(completions);
  }
  std::string refused(const RewardPlugin& plugin) const {
    return refusal([&] { grade(plugin, {completion(named_, kClosedThought + "7")}); });
  }

  TemporaryFolder folder_;
  RolloutPrompt named_ = prompt({{"grader", "mine"}}), other_ = prompt({{"grader", "theirs"}});
};

const std::string kHalf = R"(printf "{\"id\": %d, \"score\": 0.5}\n", id)";

TEST_F(RewardPluginsTest, AddsItsPartToTheRowsThatNameIt) {
  RewardPlugin half = plugin(kHalf);
  half.weight = -0.4;
  const auto rewards = grade(
      half, {completion(named_, kClosedThought + "7"), completion(other_, kClosedThought + "7"),
             completion(named_, kClosedThought + "8")});
  EXPECT_DOUBLE_EQ(rewards[0].total.value(), 1 - 0.2);
  EXPECT_EQ(rewards[0].parts, (std::map<std::string, double>{
                                  {"accuracy", 1}, {"plugin/mine", 0.5}, {"reasoning", 1}}));
  EXPECT_DOUBLE_EQ(rewards[1].total.value(), 1);
  EXPECT_FALSE(rewards[1].parts.contains("plugin/mine"));
  EXPECT_DOUBLE_EQ(rewards[2].total.value(), -0.2);

  for (const char* column : {"kind", "data_source"}) {
    const RolloutPrompt by_column = prompt({{column, "mine"}});
    EXPECT_TRUE(grade(half, {completion(by_column, kClosedThought + "7")})[0].parts.contains(
        "plugin/mine"));
  }
  half.all_rows = true;
  EXPECT_TRUE(
      grade(half, {completion(other_, kClosedThought + "7")})[0].parts.contains("plugin/mine"));
}

TEST_F(RewardPluginsTest, DecidesWhatNoComparisonCan) {
  RewardPlugin decides = plugin(kHalf);
  decides.decides = true;
  const RolloutPrompt code = prompt({{"grader", "mine"}, {"tests", "assert True"}}, "");
  const auto rewards =
      grade(decides, {completion(code, kClosedThought + "print(7)"),
                      completion(code, kClosedThought + "print(7)", StopReason::kLength),
                      completion(code, "a thought that never ends")});
  EXPECT_DOUBLE_EQ(rewards[0].total.value(), 0.5);
  EXPECT_DOUBLE_EQ(rewards[0].parts.at(kAccuracyPart), 0.5);
  EXPECT_DOUBLE_EQ(rewards[1].total.value(), 0) << "a reply that was cut is wrong";
  EXPECT_DOUBLE_EQ(rewards[2].total.value(), 0) << "without an answer";
  // Nobody knows what is right.
  decides.decides = false;
  EXPECT_THAT(refusal([&] { grade(decides, {completion(code, kClosedThought + "print(7)")}); }),
              AllOf(HasSubstr("data.jsonl:1"), HasSubstr("decides = true"), HasSubstr("\"mine\"")));
}

TEST_F(RewardPluginsTest, NoScoreIsNotZero) {
  for (const auto on_failure : {PluginFailure::kStop, PluginFailure::kZero, PluginFailure::kSkip}) {
    RewardPlugin none = plugin(R"(printf "{\"id\": %d, \"score\": null}\n", id)");
    none.on_failure = on_failure;
    EXPECT_FALSE(grade(none, {completion(named_, kClosedThought + "7")})[0].total)
        << static_cast<int>(on_failure);
  }
}

TEST_F(RewardPluginsTest, AFailureStopsOrCountsAsZeroOrIsLeftOut) {
  RewardPlugin hangs = plugin("");
  hangs.command = {"sleep", "60"};
  hangs.timeout_s = 0.3;
  RewardPlugin ends = plugin("");
  ends.command = {"sh", "-c", "exit 3"};
  RewardPlugin absent = plugin("");
  absent.command = {"no-such-program-anywhere"};
  RewardPlugin garbage =
      plugin(R"(print "Segmentation fault: {{{"; print "[1]"; print "{\"id\": 99}")");
  RewardPlugin lies = plugin(R"(printf "{\"id\": %d, \"score\": 1e9}\n", id)");
  RewardPlugin text = plugin(R"(printf "{\"id\": %d, \"score\": \"high\"}\n", id)");
  struct Case {
    RewardPlugin plugin;
    const char* word;
  };
  for (auto& [broken, word] : {Case{hangs, "not done within 0.3 s"}, Case{ends, "status 3"},
                               Case{absent, "could not be started"}, Case{garbage, "said nothing"},
                               Case{lies, "expected 0 to 1"}, Case{text, "gave no score"}}) {
    RewardPlugin tried = broken;
    EXPECT_THAT(refused(tried), AllOf(HasSubstr("\"mine\" gave no score for 1 of 1"),
                                      HasSubstr(word), HasSubstr("\"skip\"")));
    tried.on_failure = PluginFailure::kZero;
    const Reward zero = grade(tried, {completion(named_, kClosedThought + "7")})[0];
    EXPECT_DOUBLE_EQ(zero.total.value(), 1) << "the rest of the reward stays";
    EXPECT_DOUBLE_EQ(zero.parts.at("plugin/mine"), 0);
    tried.on_failure = PluginFailure::kSkip;
    EXPECT_FALSE(grade(tried, {completion(named_, kClosedThought + "7")})[0].total);
  }
}

TEST_F(RewardPluginsTest, ArgumentsReachTheProgramAsTheyAre) {
  const std::string hostile =
      "it's $(touch " + (folder_.path() / "touched").string() + ") `x` \"y\"\n;";
  RewardPlugin made = plugin("");
  made.command = {"sh", "-c",    R"(cat > /dev/null; [ "$1" = "$2" ] && echo '{"id":0,"score":1}')",
                  "sh", hostile, hostile};
  EXPECT_DOUBLE_EQ(
      grade(made, {completion(named_, kClosedThought + "7")})[0].parts.at("plugin/mine"), 1);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "touched"));
}

TEST_F(RewardPluginsTest, TheGraderGetsTheRowAndTheSplitReply) {
  const std::string seen = (folder_.path() / "seen").string();
  RewardPlugin made = plugin("");
  made.command = {"sh", "-c", "tee " + seen + R"( > /dev/null; echo '{"id":0,"score":1}')"};
  RolloutPrompt with_tests = prompt({{"grader", "mine"}, {"tests", {"assert f(1) == 1"}}});
  with_tests.origin = {{"audios", {"/clips/a.wav"}}};
  grade(made, {completion(with_tests, kClosedThought + "def f(x): \xff")});
  const json line = json::parse(read_file(seen));
  EXPECT_EQ(line.at("question"), "What?");
  EXPECT_THAT(line.at("answer").get<std::string>(), HasSubstr("def f(x): "));
  EXPECT_THAT(line.at("thinking").get<std::string>(), HasSubstr("First I hear"));
  EXPECT_EQ(line.at("row").at("tests"), json({"assert f(1) == 1"}));
  EXPECT_EQ(line.at("row").at("audios"), json({"/clips/a.wav"}));
}

TEST_F(RewardPluginsTest, TheCacheForgetsWhatAnotherScriptSaid) {
  const std::string script = (folder_.path() / "grade.sh").string();
  RewardPlugin made = plugin("");
  made.command = {"sh", script};
  made.cache = folder_.path() / "cache";
  const auto says = [&](double score) {
    std::ofstream(script) << "cat > /dev/null; echo x >> " << (folder_.path() / "runs").string()
                          << fmt::format("; echo '{{\"id\":0,\"score\":{}}}'\n", score);
  };
  const auto score = [&] {
    return grade(made, {completion(named_, kClosedThought + "7")})[0].parts.at("plugin/mine");
  };
  says(0.25);
  EXPECT_EQ(score(), 0.25);
  EXPECT_EQ(score(), 0.25);
  EXPECT_EQ(std::filesystem::file_size(folder_.path() / "runs"), 2U) << "asked once";
  says(0.75);
  EXPECT_EQ(score(), 0.75);
}

TEST_F(RewardPluginsTest, EndpointsThatLie) {
  RewardPlugin made;
  made.name = "mine";
  made.timeout_s = 0.4;
  const auto with = [&](const ScriptedReply& reply, PluginFailure on_failure) {
    ScriptedServer server([&](const std::string&, const std::string&) { return reply; });
    made.url = server.url("/grade");
    made.on_failure = on_failure;
    return grade(made, {completion(named_, kClosedThought + "7")})[0];
  };
  const auto results = [](const std::string& list) {
    return http_reply("{\"results\": " + list + "}");
  };
  EXPECT_EQ(
      with(results(R"([{"id":0,"score":0.5}])"), PluginFailure::kStop).parts.at("plugin/mine"),
      0.5);
  EXPECT_EQ(with(results(R"([{"id":0,"score":0.5},{"id":0,"score":1}])"), PluginFailure::kStop)
                .parts.at("plugin/mine"),
            0.5)
      << "the first of an id counts";
  for (const ScriptedReply& lie :
       {results(R"([{"id":0,"score":-1}])"), results(R"([{"id":0,"score":1e400}])"),
        results(R"([{"id":0,"score":NaN}])"), results(R"([{"id":7,"score":1}])"),
        results(R"([{"id":-1,"score":1},"x",null])"), results("[]"), results("{}"),
        http_reply("<html>busy</html>"), http_reply(R"({"results": [{"id":0,"score":1}])"),
        http_reply(R"({"results": [{"id":0,"score":1}]})", 503), ScriptedReply{"", true},
        ScriptedReply{"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{", true},
        ScriptedReply{"\x16\x03\x01 this is no HTTP", false}}) {
    EXPECT_FALSE(with(lie, PluginFailure::kSkip).total) << lie.bytes;
    EXPECT_EQ(with(lie, PluginFailure::kZero).parts.at("plugin/mine"), 0) << lie.bytes;
  }
}

// examples/grade_python.py, as docs/training.md shows it.
TEST_F(RewardPluginsTest, PythonCodeIsRunAgainstTheRowsTests) {
  if (std::system("python3 -c 'import resource' 2> /dev/null") != 0)
    GTEST_SKIP() << "there is no python3";
  const auto script = std::filesystem::path(STAPES_SOURCE_DIR) / "examples" / "grade_python.py";
  RewardPlugin made;
  made.name = "unit-tests";
  made.decides = true;
  made.command = {"env",        "TMPDIR=" + folder_.path().string(),
                  "python3",    script.string(),
                  "--time",     "3",
                  "--parallel", "4"};
  const RolloutPrompt add = prompt(
      {{"grader", "unit-tests"}, {"tests", {"assert add(1, 2) == 3", "assert add(-1, 1) == 0"}}},
      "");
  const std::vector<std::pair<std::string, double>> replies = {
      {"```python\ndef add(a, b):\n    return a + b\n```", 1},
      {"Like this:\n```\ndef add(a, b): return 0\n```\nNo:\n```py\ndef add(a, b): return a + "
       "b\n```",
       1},
      {"def add(a, b):\n    return a + b", 1},
      {"```python\ndef add(a, b):\n    return a - b\n```", 0},
      {"```python\ndef add(a, b:\n```", 0},
      {"", 0},
      {"```python\nwhile True: pass\n```", 0},
      {"```python\nimport time\ntime.sleep(1000)\n```", 0},
      {"```python\nimport os\nos._exit(0)\n```", 0},
      {"```python\nprint('{\"id\": 9, \"score\": 1}')\nraise SystemExit(0)\n```", 0},
      {"```python\nx = 'a' * (1 << 34)\n```", 0},
      {"```python\nimport sys\nwhile True: sys.stdout.write('x' * 4096)\n```", 0},
      // Children that leave the group, and outlive their parent.
      {"```python\nimport os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
       "        time.sleep(1000)\n    os._exit(0)\ntime.sleep(0.3)\n"
       "def add(a, b): return a + b\n```",
       1}};
  std::vector<Completion> completions;
  for (const auto& [answer, right] : replies)
    completions.push_back(completion(add, kClosedThought + answer));
  const auto begin = std::chrono::steady_clock::now();
  const auto rewards = grade(made, completions);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(50));
  for (size_t i = 0; i < replies.size(); ++i)
    EXPECT_EQ(rewards[i].total, replies[i].second) << replies[i].first;
  // Whatever the command and the code have started carries the folder in its environment.
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "environ");
    const std::string environment{std::istreambuf_iterator<char>(file), {}};
    EXPECT_THAT(environment, ::testing::Not(HasSubstr(folder_.path().string())))
        << entry.path() << " was left behind";
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

TEST(RewardPluginRecipe, ReadsAndRefuses) {
  const std::string start = "name = \"a\"\n[model]\ninit = \"m\"\n[[reward.plugins]]\n";
  const auto said = [&](const std::string& toml) {
    return refusal([&] { parse_rl_recipe(start + toml, "r.toml"); });
  };
  const RlRecipe good = parse_rl_recipe(
      start +
          "name = \"x\"\ncommand = [\"a\", \"b c\"]\nweight = -0.5\ntimeout_s = 2.5\n"
          "on_failure = \"skip\"\nparallel = 4\n[[reward.plugins]]\nname = \"y\"\n"
          "url = \"http://127.0.0.1:1/\"\ndecides = true\nall_rows = true\ncache = \"c\"\n",
      "r.toml");
  ASSERT_EQ(good.reward_plugins.size(), 2U);
  EXPECT_EQ(good.reward_plugins[0].command, (std::vector<std::string>{"a", "b c"}));
  EXPECT_EQ(good.reward_plugins[0].weight, -0.5);
  EXPECT_EQ(good.reward_plugins[0].parallel, 4);
  EXPECT_TRUE(good.reward_plugins[1].decides && good.reward_plugins[1].all_rows);
  EXPECT_THAT(said("command = [\"a\"]\n"), HasSubstr("needs a name"));
  EXPECT_THAT(said("name = \"x\"\n"), HasSubstr("either command"));
  EXPECT_THAT(said("name = \"x\"\ncommand = [\"a\"]\nurl = \"http://h/\"\n"),
              HasSubstr("either command"));
  EXPECT_THAT(said("name = \"x\"\ncommand = \"a b\"\n"), HasSubstr("a list of strings"));
  EXPECT_THAT(said("name = \"x\"\ncommand = [\"a\"]\non_failure = \"ignore\"\n"),
              HasSubstr("\"stop\", \"zero\", \"skip\""));
  EXPECT_THAT(said("name = \"x\"\ncommand = [\"a\"]\ndecides = true\nweight = 2.0\n"),
              HasSubstr("weight means nothing"));
  EXPECT_THAT(
      said("name = \"x\"\ncommand = [\"a\"]\n[[reward.plugins]]\nname = \"x\"\nurl = \"u\"\n"),
      HasSubstr("two plug-ins"));
  EXPECT_THAT(said("name = \"x\"\ncommand = [\"a\"]\ntimeout = 3\n"),
              HasSubstr("unknown key reward.plugins.timeout"));
}

}  // namespace
}  // namespace stapes::train
