#include "train/pipeline/evaluation.h"

#include <gtest/gtest.h>

#include "stapes/error.h"

namespace stapes::train {
namespace {

const char* const kModel = STAPES_SOURCE_DIR "/models/tiny";

TEST(PipelineEvaluation, KeepsWhatIsAskedFor) {
  const PipelineEvaluation evaluation{.examples_per_task = 2, .tasks = {"count-notes"}};
  const nlohmann::ordered_json scores = evaluate_model(kModel, evaluation, {});
  EXPECT_EQ(scores.at("world").at("tasks").at("count-notes").at("with_thinking").at("total"), 2);
  EXPECT_FALSE(scores.contains("grounding"));
  EXPECT_FALSE(scores.contains("hearing"));
}

TEST(PipelineEvaluation, StopsWhenAsked) {
  const PipelineEvaluation evaluation{.examples_per_task = 1000, .tasks = {"count-notes"}};
  const std::atomic<bool> stop = true;
  try {
    evaluate_model(kModel, evaluation, {}, &stop);
    ADD_FAILURE() << "it went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
    EXPECT_STREQ(error.what(), "stopped after 16 of 2000 replies");
  }
}

}  // namespace
}  // namespace stapes::train
