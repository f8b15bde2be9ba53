// stapes-train init: a random model in the release's format.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "base/fail.h"
#include "cli/train_commands.h"
#include "spec/tensor_table.h"
#include "train/run/init.h"

namespace stapes::cli {
namespace {

struct InitFlags {
  std::filesystem::path folder;
  train::InitOptions options;
  std::string dtype = "bf16";
};

int init_model(InitFlags& flags) {
  if (std::filesystem::exists(flags.folder / "config.json"))
    fail(ErrorCode::kUsage, "{} already holds a model; name another folder", flags.folder.string());
  flags.options.dtype = flags.dtype == "f32"   ? DType::kF32
                        : flags.dtype == "f16" ? DType::kF16
                                               : DType::kBF16;
  const ModelConfig config = train::init_model(flags.folder, flags.options);
  const auto table = tensor_table(config);
  fmt::print("{}: {} tensors, {:.3f} M parameters, {}\n", flags.folder.string(), table.size(),
             static_cast<double>(parameter_count(table)) / 1e6, flags.dtype);
  return 0;
}

}  // namespace

Command add_train_init_command(CLI::App& program) {
  auto flags = std::make_shared<InitFlags>();
  CLI::App* app =
      add_subcommand(program, "init", "[OPTIONS] MODEL", "Make a random model in a new folder");
  app->add_option("MODEL", flags->folder, "Folder to write")->required();
  app->add_option("--like", flags->options.like, "Shape: tiny, step-audio-2-mini or step-audio-r1")
      ->capture_default_str();
  app->add_option("--encoder-layers", flags->options.encoder_layers,
                  "Encoder layers (default: the shape's)");
  app->add_option("--layers", flags->options.decoder_layers,
                  "Decoder layers (default: the shape's)");
  app->add_option("--tokenizer", flags->options.tokenizer,
                  "tokenizer.json to use (default: one learned from the sound world's texts)");
  app->add_flag("--all-texts", flags->options.tokenizer_all_texts,
                "Learn the tokenizer from all tasks and from the texts without sound");
  app->add_option("--merges", flags->options.tokenizer_merges, "Merges of the learned tokenizer")
      ->capture_default_str();
  app->add_option("--seed", flags->options.seed, "Seed of the weights")->capture_default_str();
  app->add_option("--dtype", flags->dtype, "Stored as")
      ->check(CLI::IsMember({"f32", "f16", "bf16"}))
      ->capture_default_str();
  return {app, [flags] { return init_model(*flags); }};
}

}  // namespace stapes::cli
