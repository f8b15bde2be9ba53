// stapes-train merge: an adapter into its model.
#include <fmt/format.h>

#include <memory>

#include "cli/train_commands.h"
#include "train/run/merge.h"
#include "train/run/session.h"

namespace stapes::cli {
namespace {

struct Flags {
  train::MergeOptions options;
  std::string dtype = "bf16";
};

int run(Flags& flags) {
  flags.options.dtype = train::save_dtype(flags.dtype);
  const train::MergedModel merged = train::merge_adapter(flags.options);
  fmt::print("{}: {} matrices with an adapter of rank {} added, {}\n",
             flags.options.output.string(), merged.modules, merged.rank, flags.dtype);
  return 0;
}

}  // namespace

Command add_train_merge_command(CLI::App& program) {
  auto flags = std::make_shared<Flags>();
  CLI::App* app = add_subcommand(program, "merge", "[OPTIONS] MODEL ADAPTER OUT",
                                 "Add a LoRA adapter, ours or peft's, to its model's weights");
  app->add_option("MODEL", flags->options.model, "Model folder")->required();
  app->add_option("ADAPTER", flags->options.adapter,
                  "Folder with adapter_config.json and adapter_model.safetensors")
      ->required();
  app->add_option("OUT", flags->options.output, "Folder to write")->required();
  app->add_option("--dtype", flags->dtype, "Stored as")
      ->check(CLI::IsMember({"f32", "f16", "bf16"}))
      ->capture_default_str();
  return {app, [flags] { return run(*flags); }};
}

}  // namespace stapes::cli
