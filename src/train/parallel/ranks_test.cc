#include "train/parallel/ranks.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>

#include "stapes/error.h"
#include "train/testing/on_ranks.h"

namespace stapes::train {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Ranks, OneAloneIsTheIdentity) {
  const Ranks ranks;
  std::vector<double> numbers = {1, 2};
  ranks.sum(numbers, "numbers");
  EXPECT_THAT(numbers, ElementsAre(1, 2));
  EXPECT_TRUE(ranks.leads() && ranks.owns(7) && ranks.any(true, "any"));
  EXPECT_FALSE(ranks.any(false, "any"));
  EXPECT_THAT(ranks.gather("here", "texts"), ElementsAre("here"));
}

TEST(Ranks, SumNumbersAndTellEachOther) {
  on_ranks(3, [](const Ranks& ranks) {
    std::vector<double> numbers = {1.0 + ranks.rank(), 0.25};
    ranks.sum(numbers, "numbers");
    EXPECT_THAT(numbers, ElementsAre(6, 0.75));
    EXPECT_TRUE(ranks.any(ranks.rank() == 2, "any"));
    EXPECT_FALSE(ranks.any(false, "any"));
    for (int time = 0; time < 3; ++time)
      EXPECT_THAT(ranks.gather(fmt::format("{}.{}", ranks.rank(), time), "texts"),
                  ElementsAre(fmt::format("0.{}", time), fmt::format("1.{}", time),
                              fmt::format("2.{}", time)));
  });
}

TEST(Ranks, SumGradientsOfWhichOneHasNone) {
  on_ranks(2, [](const Ranks& ranks) {
    std::vector<torch::Tensor> tensors = {torch::ones({2, 3}).set_requires_grad(true),
                                          torch::ones({4}).set_requires_grad(true)};
    torch::Tensor loss = (tensors[0] * (1.0 + ranks.rank())).sum();
    if (ranks.leads()) loss = loss + 5 * tensors[1].sum();
    loss.backward();
    ranks.sum_gradients(tensors, "gradients");
    EXPECT_TRUE(torch::equal(tensors[0].grad(), torch::full({2, 3}, 3.0)));
    EXPECT_TRUE(torch::equal(tensors[1].grad(), torch::full({4}, 5.0)));
  });
}

TEST(Ranks, BroadcastTheLeadersValues) {
  on_ranks(2, [](const Ranks& ranks) {
    const torch::Tensor tensor = torch::full({5}, 7.0 + ranks.rank());
    ranks.broadcast(std::vector<torch::Tensor>{tensor}, "weights");
    EXPECT_TRUE(torch::equal(tensor, torch::full({5}, 7.0)));
  });
}

TEST(Ranks, OneThatIsLostIsNoticedAndNamed) {
  on_ranks(
      2,
      [](const Ranks& ranks) {
        if (ranks.rank() == 1) return;  // gone, as a process that was killed
        try {
          std::vector<double> numbers = {1};
          ranks.sum(numbers, "step 12, gradients");
          FAIL() << "nobody else was there";
        } catch (const Error& error) {
          EXPECT_EQ(error.code(), ErrorCode::kIo);
          EXPECT_THAT(error.what(), HasSubstr("rank 0 of 2 lost the others at step 12, gradients"));
        }
      },
      std::chrono::seconds(2));
}

class PlacementTest : public ::testing::Test {
 protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }
  static void clear() {
    for (const char* name : {"RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "OMPI_COMM_WORLD_RANK",
                             "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", "PMIX_NAMESPACE",
                             "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_NTASKS_PER_NODE",
                             "SLURM_JOB_ID", "MASTER_ADDR", "MASTER_PORT", "STAPES_RANK_TIMEOUT_S"})
      ::unsetenv(name);
  }
  static void set(const char* name, const char* value) { ::setenv(name, value, 1); }
  static std::string error() {
    try {
      (void)placement_from_environment();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    return "no error";
  }
};

TEST_F(PlacementTest, IsOneProcessWithoutALauncher) {
  EXPECT_EQ(placement_from_environment().count, 1);
}

TEST_F(PlacementTest, ReadsWhatLaunchersSay) {
  set("SLURM_PROCID", "3");
  set("SLURM_STEP_NUM_TASKS", "8");
  set("MASTER_ADDR", "10.0.0.7");
  set("MASTER_PORT", "4711");
  set("STAPES_RANK_TIMEOUT_S", "60");
  const Placement slurm = placement_from_environment();
  EXPECT_EQ(slurm.rank, 3);
  EXPECT_EQ(slurm.count, 8);
  EXPECT_EQ(slurm.address, "10.0.0.7");
  EXPECT_EQ(slurm.port, 4711);
  EXPECT_EQ(slurm.timeout, std::chrono::seconds(60));
}

TEST_F(PlacementTest, TwoJobsOfOneMachineMeetOnDifferentPorts) {
  set("OMPI_COMM_WORLD_RANK", "0");
  set("OMPI_COMM_WORLD_SIZE", "2");
  set("PMIX_NAMESPACE", "prterun-1");
  const auto first = placement_from_environment().port;
  set("PMIX_NAMESPACE", "prterun-2");
  EXPECT_NE(placement_from_environment().port, first);
}

TEST_F(PlacementTest, SaysWhatCannotBe) {
  set("RANK", "2");
  set("WORLD_SIZE", "2");
  EXPECT_THAT(error(), HasSubstr("there is no such rank"));
  set("RANK", "1");
  set("LOCAL_WORLD_SIZE", "1");
  EXPECT_THAT(error(), HasSubstr("set MASTER_ADDR"));
  set("WORLD_SIZE", "two");
  EXPECT_THAT(error(), HasSubstr("WORLD_SIZE is \"two\""));
}

}  // namespace
}  // namespace stapes::train
