#include "train/pipeline/evaluation.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "engine/generator.h"
#include "eval/grounding_eval.h"
#include "eval/world_eval.h"

namespace stapes::train {

namespace {

using nlohmann::ordered_json;

// Prints the table and gives the figures.
template <typename Result>
ordered_json kept(const Result& result) {
  fmt::print(stderr, "{}\n", to_table(result));
  return ordered_json::parse(to_json(result));
}

}  // namespace

ordered_json evaluate_model(const std::filesystem::path& model,
                            const PipelineEvaluation& evaluation,
                            const std::filesystem::path& digits_folder,
                            const std::atomic<bool>* stop) {
  const EvalProgress unless_stopped = [stop](int64_t done, int64_t total) {
    if (stop != nullptr && stop->load())
      fail(ErrorCode::kCancelled, "stopped after {} of {} replies", done, total);
  };
  const world::World world({.digits_folder = digits_folder});
  const Generator generator = Generator::open(model);
  std::vector<world::Task> tasks;
  for (const std::string& task : evaluation.tasks) tasks.push_back(world::task_by_name(task));
  ordered_json scores;
  if (evaluation.examples_per_task > 0) {
    WorldEvalOptions options;
    options.tasks = {tasks.begin(), tasks.end()};
    options.examples_per_task = evaluation.examples_per_task;
    scores["world"] = kept(evaluate_world(generator, world, options, unless_stopped));
  }
  GroundingEvalOptions grounding;
  if (evaluation.grounding_per_task > 0) {
    grounding.part = GroundingPart::kTasks;
    grounding.tasks = tasks;
    grounding.examples_per_task = evaluation.grounding_per_task;
    grounding.budgets = {};  // they are the world's
    scores["grounding"] = kept(evaluate_grounding(generator, world, grounding, unless_stopped));
  }
  if (evaluation.hearing_questions > 0) {
    grounding.part = GroundingPart::kSelfCognition;
    grounding.examples_per_task = evaluation.hearing_questions;
    grounding.self_cognition_temperature = 1;
    scores["hearing"] = kept(evaluate_grounding(generator, world, grounding, unless_stopped));
  }
  return scores;
}

}  // namespace stapes::train
