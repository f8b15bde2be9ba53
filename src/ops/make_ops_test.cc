// The choice of the table, and what the public functions refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "ops/test_support.h"
#include "stapes/error.h"

namespace stapes {
namespace {

using ::testing::HasSubstr;

// Sets STAPES_OPS for one test.
class StapesOps {
 public:
  explicit StapesOps(const char* value) {
    if (const char* old = std::getenv("STAPES_OPS")) old_ = old;
    ::setenv("STAPES_OPS", value, 1);
  }
  ~StapesOps() {
    old_.empty() ? ::unsetenv("STAPES_OPS") : ::setenv("STAPES_OPS", old_.c_str(), 1);
  }

 private:
  std::string old_;
};

TEST(MakeOps, TheEnvironmentForcesEveryLevelThatTheMachineHas) {
  for (const OpsLevel level : supported_ops_levels()) {
    const StapesOps wanted(name(level));
    EXPECT_EQ(make_ops(1)->name(), name(level));
  }
}

TEST(MakeOps, WithoutTheVariableTheFastestLevelRuns) {
  const StapesOps none("");
  EXPECT_EQ(make_ops(1)->name(), name(supported_ops_levels().back()));
}

TEST(MakeOps, AnUnknownNameIsAPlainError) {
  const StapesOps wanted("sse9");
  try {
    make_ops(1);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUsage);
    EXPECT_THAT(error.what(), HasSubstr("'sse9'"));
    EXPECT_THAT(error.what(), HasSubstr("reference, generic, avx2, avx512"));
  }
}

TEST(MakeOps, ALevelThatTheProcessorLacksIsRefused) {
  for (const OpsLevel level : {OpsLevel::kAvx2, OpsLevel::kAvx512}) {
    if (is_supported(level)) continue;
    const StapesOps wanted(name(level));
    try {
      make_ops(1);
      FAIL() << "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
      EXPECT_THAT(error.what(), HasSubstr(name(level)));
    }
  }
  if (is_supported(OpsLevel::kAvx2) && is_supported(OpsLevel::kAvx512)) {
    GTEST_SKIP() << "SKIPPED: this processor has every level, so that none can be refused";
  }
}

TEST(Ops, AnIntegerWeightIsRefusedAtLoad) {
  const int64_t number = 7;
  const TensorView view{
      .dtype = DType::kI64, .shape = {1}, .data = reinterpret_cast<const std::byte*>(&number)};
  try {
    make_ops(1)->place_weight(view);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_THAT(error.what(), HasSubstr("I64"));
  }
}

TEST(Ops, BuffersAreAlignedAndCopied) {
  for (const OpsLevel level : supported_ops_levels()) {
    const auto ops = make_ops(level, 1);
    Buffer buffer = ops->buffer(5);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.values().data()) % 64, 0U);
    const std::vector<float> values = {1, 2, 3, 4, 5};
    ops->upload(values, buffer);
    std::vector<float> back(5);
    ops->download(buffer, back);
    EXPECT_EQ(back, values);
  }
}

TEST(OpsDeathTest, AMisfitIsOurOwnBug) {
  const auto ops = make_ops(1);
  std::vector<float> three(3);
  std::vector<float> four(4);
  EXPECT_DEATH(ops->add({.a = three, .b = four, .y = three}), "args.b.size");
  EXPECT_DEATH(ops->softmax({.x = four, .y = four, .columns = 3}), "4 values in rows of 3");
}

}  // namespace
}  // namespace stapes
