#include "train/pipeline/evaluation.h"

#include <fmt/format.h>

#include "engine/generator.h"
#include "eval/world_eval.h"

namespace stapes::train {

nlohmann::ordered_json evaluate_model(const std::filesystem::path& model,
                                      const PipelineEvaluation& evaluation,
                                      const std::filesystem::path& digits_folder) {
  const world::World world({.digits_folder = digits_folder});
  WorldEvalOptions options;
  options.examples_per_task = evaluation.examples_per_task;
  for (const std::string& task : evaluation.tasks)
    options.tasks.push_back(world::task_by_name(task));
  const Generator generator = Generator::open(model);
  const WorldEvalResult result = evaluate_world(generator, world, options);
  fmt::print(stderr, "{}\n", to_table(result));
  return nlohmann::ordered_json::parse(to_json(result));
}

}  // namespace stapes::train
