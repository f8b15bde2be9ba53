// stapes world: clips of the sound world with questions, thoughts and answers, as files for a
// trainer.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>

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
  bool sampled_instruments = false;
};

int run_world(const WorldCommandOptions& options) {
  world::WorldOptions world_options;
  world_options.digits_folder = options.digits_folder;
  world_options.sampled_instruments = options.sampled_instruments;
  const world::World world(world_options);
  world::export_examples(world, options.split, options.count, options.seed, options.out);
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
  app->add_flag("--sampled-instruments", options->sampled_instruments,
                "Also real instruments, through fluidsynth where it is installed");
  return {app, [options] { return run_world(*options); }};
}

}  // namespace stapes::cli
