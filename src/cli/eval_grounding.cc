// stapes eval-grounding: are the thoughts really about the sound?
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/fail.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "engine/generator.h"
#include "eval/grounding_eval.h"
#include "world/world.h"

namespace stapes::cli {
namespace {

struct EvalGroundingOptions {
  ModelFlag model;
  EngineFlags engine;
  world::WorldOptions world;
  GroundingEvalOptions eval;
  std::vector<std::string> tasks;
  std::string digits_folder;
  std::string details;
  std::string only = "all";
  reward::JudgeOptions judge;
  std::string judge_key_variable;
  std::string judge_cache;
  bool json = false;
};

void show_examples(int64_t done, int64_t total) {
  fmt::print(stderr, "\r{} of {} examples", done, total);
  if (done == total) fmt::print(stderr, "\n");
}

std::string value_of(const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  if (value == nullptr || *value == '\0')
    fail(ErrorCode::kUsage, "expected the judge's key in the environment variable {}, which is {}",
         variable, value == nullptr ? "not set" : "empty");
  return value;
}

void add_judge(EvalGroundingOptions& options) {
  if (options.judge.url.empty()) return;
  if (!options.judge_key_variable.empty())
    options.judge.api_key = value_of(options.judge_key_variable);
  options.judge.cache_folder = options.judge_cache;
  options.eval.judge = options.judge;
}

int run_eval_grounding(EvalGroundingOptions& options) {
  options.world.digits_folder = options.digits_folder;
  options.eval.details = options.details;
  options.eval.part = grounding_part_by_name(options.only);
  if (options.eval.part == GroundingPart::kSelfCognition && !options.tasks.empty())
    fail(ErrorCode::kUsage, "--only self-cognition asks no task, so --task says nothing there");
  for (const std::string& task : options.tasks)
    options.eval.tasks.push_back(world::task_by_name(task));
  add_judge(options);
  const world::World world(options.world);
  if (!world.has_speech())
    fmt::print(stderr, "stapes: no --digits FOLDER, so {} about speech are left out\n",
               options.eval.part == GroundingPart::kSelfCognition ? "questions" : "the tasks");
  const Generator generator = Generator::open(options.model.path(), options.engine.options());
  const bool watched = ::isatty(STDERR_FILENO) == 1;
  const GroundingEvalResult result = evaluate_grounding(
      generator, world, options.eval, watched ? GroundingProgress(show_examples) : nullptr);
  write_stdout(options.json ? to_json(result) : to_table(result));
  return 0;
}

void add_judge_flags(CLI::App& app, EvalGroundingOptions& options) {
  app.add_option("--judge", options.judge.url,
                 "Also ask a language model: an OpenAI-compatible endpoint, http://HOST:PORT/v1")
      ->type_name("URL");
  app.add_option("--judge-model", options.judge.model, "The model's name there")
      ->type_name("NAME")
      ->capture_default_str();
  app.add_option("--judge-votes", options.judge.votes, "Of which the majority counts")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--judge-key", options.judge_key_variable,
                 "The environment variable that holds the endpoint's key")
      ->type_name("VARIABLE");
  app.add_option("--judge-cache", options.judge_cache, "Verdicts are kept here")
      ->type_name("FOLDER");
  app.add_flag("--judge-must-decide", options.judge.no_verdict_is_error,
               "Stop where the judge gives no verdict; else such thoughts are counted");
}

}  // namespace

Command add_eval_grounding_command(CLI::App& program) {
  auto options = std::make_shared<EvalGroundingOptions>();
  CLI::App* app = add_subcommand(
      program, "eval-grounding", "[--digits FOLDER] [OPTIONS]",
      "Test whether thoughts are about the sound: silence, other clips, transcripts, tampering");
  app->add_option("--digits", options->digits_folder,
                  "Recordings DIGIT_SPEAKER_TAKE.wav; the takes kept apart are used")
      ->type_name("FOLDER");
  app->add_option("--only", options->only,
                  "tasks, or self-cognition: whether it denies to hear; else both")
      ->type_name("PART");
  app->add_option("--count", options->eval.examples_per_task,
                  "Questions of each task, and whether it hears")
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--tasks,--task", options->tasks,
                  "Only these tasks (docs/world.md lists them); else the first nine")
      ->type_name("NAME,...")
      ->delimiter(',')
      ->allow_extra_args(false);
  app->add_option("--budgets", options->eval.budgets,
                  "Tokens of thinking to compare, beside no limit: 0,8,16,32,64")
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
  app->add_option("--temperature", options->eval.self_cognition_temperature,
                  "Of the replies whether it hears; 0: greedy, as all others")
      ->type_name("T")
      ->capture_default_str();
  app->add_option("--details", options->details, "Write every reply with all checks as JSON lines")
      ->type_name("FILE");
  add_judge_flags(*app, *options);
  app->add_flag("--json", options->json, "Print one JSON object");
  options->model.add_to(*app);
  options->engine.add_to(*app);
  app->footer("docs/grounding.md says what each column means and how far it can be trusted.");
  return {app, [options] { return run_eval_grounding(*options); }};
}

}  // namespace stapes::cli
