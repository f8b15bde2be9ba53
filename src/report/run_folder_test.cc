#include "report/run_folder.h"

#include <gmock/gmock.h>

#include "report/event_times.h"
#include "report/testing/temporary_run.h"
#include "stapes/error.h"

namespace stapes::report {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RunFolderTest : public testing::TemporaryRun {
 protected:
  RunReport read() const { return read_runs(folder_, {}).front(); }
};

TEST_F(RunFolderTest, AWholeRun) {
  write("recipe.toml", "name = \"small\"\n[run]\niterations = 2\n");
  write("metrics.csv", "step,reward\n1,0.1\n2,0.2\n");
  write("test.csv", "step,accuracy\n2,1\n");
  write("completions.jsonl", "{\"step\":1}\n");
  write("selection.json", R"({"histogram":[3,0,9],"kept":[1,5],"samples":2})");
  write("checkpoints/step-00000002/state.json", R"({"stage":"rl"})");
  write("checkpoints/step-00000003.unfinished/state.json", "");
  const RunReport run = read();
  EXPECT_EQ(run.name, "run");
  EXPECT_EQ(run.title, "small");
  EXPECT_EQ(run.stage, "rl");
  EXPECT_EQ(run.wanted_steps, 2);
  EXPECT_EQ(run.last_step, 2);
  EXPECT_EQ(run.checkpoints, 1);
  EXPECT_THAT(run.selection->prompts_by_right, ElementsAre(3, 0, 9));
  EXPECT_EQ(run.selection->kept, 2);
  EXPECT_THAT(run.missing, IsEmpty());
}

TEST_F(RunFolderTest, ARunThatWasKilledSaysWhatIsMissing) {
  write("recipe.toml", "name = \"small\"\n[optimizer]\nsteps = 9\n");
  write("train.csv", "step,text_loss\n1,0.1\n2,0.");
  write("completions.jsonl", "");
  write("selection.json", "{\"hist");
  const RunReport run = read();
  EXPECT_EQ(run.stage, "sft");
  EXPECT_THAT(
      run.missing,
      ElementsAre("train.csv: the last line is cut and left out.",
                  "completions.jsonl has no reply yet.", "selection.json has no histogram.",
                  "No evaluation yet: test.csv has no row.", "Not at its end: step 1 of 9."));
}

TEST_F(RunFolderTest, OnlyABrokenRecipe) {
  write("recipe.toml", "name = [");
  EXPECT_THAT(read().missing,
              ElementsAre(HasSubstr("recipe.toml is no TOML"), HasSubstr("No numbers yet")));
}

TEST_F(RunFolderTest, RoundsAndStagesBelowARunAreRunsOfTheirOwn) {
  write("recipe.toml", "name = \"m\"");
  write("manifest.json", R"({"stage":"mgrd","steps":[]})");
  write("round-2/rl/metrics.csv", "step,reward\n1,1\n");
  write("round-1/rl/metrics.csv", "step,reward\n1,1\n");
  write("checkpoints/step-00000001/recipe.toml", "");
  const auto runs = read_runs(folder_, {});
  std::vector<std::string> names;
  for (const RunReport& run : runs) names.push_back(run.name);
  EXPECT_THAT(names, ElementsAre("run", "run/round-1/rl", "run/round-2/rl"));
  EXPECT_EQ(runs[0].stage, "mgrd");
}

TEST_F(RunFolderTest, WhatIsNoRunIsAnError) {
  const auto message = [&](const fs::path& path, ErrorCode code) -> std::string {
    try {
      read_runs(path, {});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code);
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message(folder_ / "none", ErrorCode::kNotFound), HasSubstr("no such folder: "));
  EXPECT_THAT(message(write("file", ""), ErrorCode::kInvalidData),
              HasSubstr("is a file, expected the folder of a run"));
  EXPECT_THAT(message(folder_, ErrorCode::kInvalidData),
              HasSubstr("is not a run's folder: expected recipe.toml"));
}

TEST_F(RunFolderTest, EqualNamesAreToldApartByTheirPaths) {
  std::vector<RunReport> runs(4);
  runs[0].name = runs[1].name = runs[2].name = "a";
  runs[0].folder = "x/a";
  runs[1].folder = "y/a";
  runs[2].folder = "x/a";
  runs[3].name = "b";
  make_names_unique(runs);
  EXPECT_EQ(runs[0].name, "x/a");
  EXPECT_EQ(runs[1].name, "y/a");
  EXPECT_EQ(runs[2].name, "x/a (2)");
  EXPECT_EQ(runs[3].name, "b");
}

// Records of TensorBoard's format; the checksums are not looked at.
std::string record(double time_s) {
  std::string event(1, '\x09');
  event.append(reinterpret_cast<const char*>(&time_s), sizeof time_s);
  const uint64_t length = event.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof length);
  return bytes + "crc1" + event + "crc2";
}

TEST_F(RunFolderTest, WorkingTimeIsThatOfAllSessions) {
  EXPECT_FALSE(working_time_s(folder_).has_value());
  // Two files of one session, and a later one whose last record is cut.
  write("tensorboard/train/events.out.tfevents.1", record(100) + record(110));
  write("tensorboard/test/events.out.tfevents.1", record(101) + record(112));
  write("tensorboard/train/events.out.tfevents.2",
        record(500) + record(503) + record(900).substr(0, 20));
  write("tensorboard/train/other", record(0) + record(9999));
  EXPECT_DOUBLE_EQ(*working_time_s(folder_), 12 + 3);
  write("tensorboard/train/events.out.tfevents.3", std::string(100, '\xff'));
  EXPECT_DOUBLE_EQ(*working_time_s(folder_), 12 + 3);
}

}  // namespace
}  // namespace stapes::report
