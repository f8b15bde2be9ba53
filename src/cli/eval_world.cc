// stapes eval-world: the score of a model on the sound world, with thinking and without.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "engine/generator.h"
#include "eval/world_eval.h"
#include "world/text_twins.h"
#include "world/world.h"

namespace stapes::cli {
namespace {

struct EvalWorldOptions {
  ModelFlag model;
  EngineFlags engine;
  world::WorldOptions world;
  WorldEvalOptions eval;
  std::vector<std::string> tasks;
  std::string digits_folder;
  bool json = false;
};

void show_answered(int64_t done, int64_t total) {
  fmt::print(stderr, "\r{} of {} answered", done, total);
  if (done == total) fmt::print(stderr, "\n");
}

int run_eval_world(EvalWorldOptions& options) {
  options.world.digits_folder = options.digits_folder;
  for (const std::string& task : options.tasks) {
    if (world::is_text_task(task))
      options.eval.text_tasks.push_back(task);
    else
      options.eval.tasks.push_back(world::task_by_name(task));
  }
  const world::World world(options.world);
  const bool clips = !options.eval.tasks.empty() || options.eval.text_tasks.empty();
  if (clips && !world.has_speech())
    fmt::print(stderr, "stapes: no --digits FOLDER, so the tasks about speech are left out\n");
  const Generator generator = Generator::open(options.model.path(), options.engine.options());
  const bool watched = ::isatty(STDERR_FILENO) == 1;
  const WorldEvalResult result = evaluate_world(generator, world, options.eval,
                                                watched ? EvalProgress(show_answered) : nullptr);
  write_stdout((options.json ? to_json(result) : to_table(result)) + '\n');
  return 0;
}

}  // namespace

Command add_eval_world_command(CLI::App& program) {
  auto options = std::make_shared<EvalWorldOptions>();
  CLI::App* app = add_subcommand(program, "eval-world", "[--digits FOLDER] [OPTIONS]",
                                 "Score a model on clips and recordings kept apart from training");
  app->add_option("--digits", options->digits_folder,
                  "Recordings DIGIT_SPEAKER_TAKE.wav; the takes kept apart are used")
      ->type_name("FOLDER");
  app->add_option("--count", options->eval.examples_per_task, "Questions of each task")
      ->type_name("N")
      ->capture_default_str();
  app->add_option(
         "--tasks,--task", options->tasks,
         "Only these tasks (docs/world.md lists them), texts among them; else the first nine")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->allow_extra_args(false);
  app->add_flag("--text", options->eval.text,
                "Also the text tasks: twins of the tasks without sound, and plain text");
  app->add_option("--think-budgets", options->eval.budgets,
                  "Also accuracy over tokens of thinking: 0,8,16,32,64")
      ->type_name("N,...")
      ->delimiter(',');
  app->add_option("--seed", options->eval.seed, "Which clips and questions are drawn")
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--batch", options->eval.batch_size, "Questions that are answered together")
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--max-tokens", options->eval.max_tokens, "Of each answer, thinking included")
      ->type_name("N")
      ->capture_default_str();
  app->add_flag("--json", options->json, "Print one JSON object");
  options->model.add_to(*app);
  options->engine.add_to(*app);
  return {app, [options] { return run_eval_world(*options); }};
}

}  // namespace stapes::cli
