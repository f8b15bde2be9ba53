// stapes world: clips of the sound world with questions, thoughts and answers, as files for a
// trainer.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/output.h"
#include "world/export.h"
#include "world/world.h"

namespace stapes::cli {
namespace {

struct WorldCommandOptions {
  std::string digits_folder;
  std::string out;
  int count = 0;
  uint64_t seed = 1;
  world::Split split = world::Split::kTrain;
  std::vector<std::string> tasks;
  bool text = false;
  bool sampled_instruments = false;
};

int run_texts(const WorldCommandOptions& options) {
  world::export_texts(options.split, options.count, options.seed, options.out, options.tasks);
  write_stdout(fmt::format("{} texts in {}\n", options.count, options.out));
  return 0;
}

int run_world(const WorldCommandOptions& options) {
  if (options.text) return run_texts(options);
  std::vector<world::Task> tasks;
  for (const std::string& task : options.tasks) tasks.push_back(world::task_by_name(task));
  world::WorldOptions world_options;
  world_options.digits_folder = options.digits_folder;
  world_options.sampled_instruments = options.sampled_instruments;
  const world::World world(world_options);
  world::export_examples(world, options.split, options.count, options.seed, options.out, tasks);
  write_stdout(fmt::format("{} examples in {}\n", options.count, options.out));
  return 0;
}

}  // namespace

Command add_world_command(CLI::App& program) {
  auto options = std::make_shared<WorldCommandOptions>();
  CLI::App* app = add_subcommand(program, "world", "--out FOLDER --count N [OPTIONS]",
                                 "Write sounds with exact truth, questions, thoughts and answers");
  app->add_option("--out", options->out, "Where the sounds and the JSONL go")
      ->required()
      ->type_name("FOLDER");
  app->add_option("--count", options->count, "How many examples; the tasks take turns")
      ->required()
      ->type_name("N");
  app->add_option("--digits", options->digits_folder,
                  "Recordings DIGIT_SPEAKER_TAKE.wav; without them there are melodies only")
      ->type_name("FOLDER");
  const std::map<std::string, world::Split> splits = {{"train", world::Split::kTrain},
                                                      {"test", world::Split::kTest}};
  app->add_option("--split", options->split, "train, or test: the takes kept apart")
      ->type_name("SPLIT")
      ->transform(CLI::CheckedTransformer(splits).description(""));
  app->add_option("--seed", options->seed, "The same seed gives the same files")
      ->type_name("N")
      ->capture_default_str();
  app->add_option("--tasks,--task", options->tasks,
                  "Only these tasks (docs/world.md lists them); else the first nine, with --text "
                  "all text tasks")
      ->type_name("NAME,...")
      ->delimiter(',');
  app->add_flag("--text", options->text,
                "Texts without sound instead: twins of the tasks, and plain text tasks");
  app->add_flag("--sampled-instruments", options->sampled_instruments,
                "Also real instruments, through fluidsynth where it is installed");
  return {app, [options] { return run_world(*options); }};
}

}  // namespace stapes::cli
