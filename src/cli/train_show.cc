// stapes-train show: samples with their loss mask, as the trainer sees them.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <memory>

#include "base/fail.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/train_commands.h"
#include "engine/loaded_model.h"
#include "train/data/show.h"
#include "train/data/source.h"
#include "train/run/init.h"

namespace stapes::cli {
namespace {

namespace fs = std::filesystem;

struct ShowFlags {
  fs::path what, model, digits;
  uint64_t count = 3, index = 0;
};

struct TextAndMel {
  Tokenizer tokenizer;
  int64_t mel_bands = 0;
};

TextAndMel read_model(const fs::path& model) {
  const ModelSource source = ModelSource::open(model);
  return {load_tokenizer(source), source.config().encoder.mel_bands};
}

// What a run from random weights would begin with.
TextAndMel random_model(const train::ModelRecipe& model) {
  return {Tokenizer::parse(
              train::learned_tokenizer_json(model.tokenizer_merges, model.tokenizer_all_texts),
              "tokenizer.json"),
          config_like(model.like).encoder.mel_bands};
}

bool in_colour() {
  const char* no_colour = std::getenv("NO_COLOR");  // https://no-color.org
  return stdout_is_terminal() && (no_colour == nullptr || *no_colour == '\0');
}

void print(const train::ExampleSource& source, const Tokenizer& tokenizer, const ShowFlags& flags,
           uint64_t per_step) {
  const train::ShowStyle style{.colour = in_colour()};
  const uint64_t end = source.count() == 0 ? std::numeric_limits<uint64_t>::max() : source.count();
  if (flags.index >= end)
    fail(ErrorCode::kUsage, "--index {}: {} has {} samples, counted from 0", flags.index,
         flags.what.string(), end);
  for (uint64_t i = flags.index; i < end && i - flags.index < flags.count; ++i) {
    const auto step = static_cast<int64_t>(i / per_step);
    const train::TrainingExample example = source.get(train::Phase::kTraining, i, step);
    write_stdout(fmt::format("{}{}: {}", i == flags.index ? "" : "\n", i,
                             train::show_example(tokenizer, example, style)));
  }
}

int report(const train::Quarantine& quarantine) {
  constexpr size_t kMost = 20;
  const auto& lines = quarantine.lines();
  for (size_t i = 0; i < std::min(lines.size(), kMost); ++i)
    fmt::print(stderr, "{}:{}: {}\n", lines[i].file.string(), lines[i].line,
               train::printable(lines[i].reason));
  if (lines.size() > kMost) fmt::print(stderr, "and {} more\n", lines.size() - kMost);
  if (lines.empty()) return 0;
  fmt::print(stderr, "{} lines are wrong\n", lines.size());
  return exit_status(ErrorCode::kInvalidData);
}

// In the order of training.
int show_recipe(const ShowFlags& flags) {
  train::Recipe recipe = train::load_recipe(flags.what);
  if (!flags.digits.empty()) train::set_digits_folder(recipe.data, flags.digits);
  const fs::path model = flags.model.empty() ? recipe.model.init : flags.model;
  const TextAndMel parts = model.empty() ? random_model(recipe.model) : read_model(model);
  train::Quarantine quarantine(std::numeric_limits<int64_t>::max(), {});
  const auto source = train::recipe_source(recipe.data, recipe.optimizer.seed, parts.tokenizer,
                                           parts.mel_bands, quarantine);
  print(*source, parts.tokenizer, flags, static_cast<uint64_t>(recipe.optimizer.clips_per_step));
  return std::ssize(quarantine.lines()) > recipe.data.quarantine ? report(quarantine) : 0;
}

// In the order of the file.
int show_lines(const ShowFlags& flags) {
  const TextAndMel parts = read_model(flags.model.empty() ? ModelFlag().path() : flags.model);
  train::Quarantine quarantine(std::numeric_limits<int64_t>::max(), {});
  try {
    const auto source = train::jsonl_source(flags.what, {.in_file_order = true}, parts.tokenizer,
                                            parts.mel_bands, quarantine);
    print(*source, parts.tokenizer, flags, 1);
  } catch (const Error&) {
    report(quarantine);
    throw;
  }
  return report(quarantine);
}

int show(const ShowFlags& flags) {
  return flags.what.extension() == ".toml" ? show_recipe(flags) : show_lines(flags);
}

}  // namespace

Command add_train_show_command(CLI::App& program) {
  auto flags = std::make_shared<ShowFlags>();
  CLI::App* app = add_subcommand(
      program, "show", "[OPTIONS] RECIPE.toml|FILE.jsonl",
      "Print samples with their loss mask: what the model is trained to write (docs/training.md)");
  app->add_option("SAMPLES", flags->what,
                  "A recipe's samples in the order of training, or a file's in its own "
                  "(\"part-*.jsonl\": of several)")
      ->required();
  app->add_option("--model", flags->model,
                  "Model whose tokenizer is used; default: the recipe's, or the small model that "
                  "comes with stapes");
  app->add_option("--digits", flags->digits, "Folder of spoken digits, instead of the recipe's");
  app->add_option("--count", flags->count, "How many samples")->capture_default_str();
  app->add_option("--index", flags->index, "The first of them, from 0")->capture_default_str();
  return {app, [flags] { return show(*flags); }};
}

}  // namespace stapes::cli
