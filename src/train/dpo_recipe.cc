#include "train/dpo_recipe.h"

#include "base/file.h"
#include "train/recipe_reader.h"

namespace stapes::train {
namespace {

void read_data(TableReader& table, DpoDataRecipe& data) {
  table.read("jsonl", data.jsonl);
  table.read("digits_folder", data.digits_folder);
  table.read("max_digits", data.max_digits);
  table.read("max_notes", data.max_notes);
}

void read_pairs(TableReader& table, PairsRecipe& pairs) {
  table.read("clips_jsonl", pairs.clips_jsonl);
  table.read("prompts", pairs.prompts);
  table.read("samples", pairs.samples);
  table.read("most_pairs", pairs.most_pairs);
  table.read("most_pairs_per_prompt", pairs.most_pairs_per_prompt);
  table.read("examples_where_none_refuses", pairs.examples_where_none_refuses);
  table.read("require_grounded", pairs.require_grounded);
}

void read_rollout(TableReader& table, DpoRolloutRecipe& rollout) {
  table.read("max_tokens", rollout.max_tokens);
  table.read("live_sequences", rollout.live_sequences);
  table.read("kv_tokens", rollout.kv_tokens);
}

void read_loss(TableReader& table, DpoLossRecipe& loss) {
  table.read("beta", loss.beta);
  table.read("label_smoothing", loss.label_smoothing);
  table.read("nll_weight", loss.nll_weight);
  table.read("score_thought", loss.score_thought);
}

void read_optimizer(TableReader& table, DpoOptimizerRecipe& optimizer) {
  table.read("steps", optimizer.steps);
  table.read("epochs", optimizer.epochs);
  table.read("pairs_per_step", optimizer.pairs_per_step);
  table.read("learning_rate", optimizer.learning_rate);
  table.read("warmup_steps", optimizer.warmup_steps);
  table.read("final_learning_rate_ratio", optimizer.final_learning_rate_ratio);
  table.read("weight_decay", optimizer.weight_decay);
  table.read("beta1", optimizer.beta1);
  table.read("beta2", optimizer.beta2);
  table.read("gradient_clip", optimizer.gradient_clip);
  table.read("train_adaptor", optimizer.train_adaptor);
  table.read("gradient_checkpointing", optimizer.gradient_checkpointing);
}

void read_logging(TableReader& table, DpoLoggingRecipe& logging) {
  table.read("print_every", logging.print_every);
  table.read("evaluate_every", logging.evaluate_every);
  table.read("evaluation_pairs", logging.evaluation_pairs);
  table.read("evaluation_questions", logging.evaluation_questions);
  table.read("checkpoint_every", logging.checkpoint_every);
  table.read("keep_checkpoints", logging.keep_checkpoints);
}

void read_run(TableReader& table, DpoRecipe& recipe) {
  table.read("micro_batch_tokens", recipe.micro_batch_tokens);
  table.read("dtype", recipe.dtype);
  table.read("seed", recipe.seed);
  table.read("threads", recipe.threads);
}

void check(const RecipeReader& reader, const DpoRecipe& r) {
  const auto require = [&](bool holds, const char* sentence) { reader.require(holds, sentence); };
  check_model(reader, r.model);
  require(!r.model.init.empty(),
          "model.init is missing: the model folder to start from, which is the reference, too");
  check_adaptation(reader, r.model, r.lora, /*some_frozen=*/true, r.dtype);
  require(r.loss.beta > 0, "loss.beta must be above 0");
  require(r.loss.label_smoothing >= 0 && r.loss.label_smoothing < 0.5,
          "loss.label_smoothing must be from 0 to below 0.5");
  require(r.loss.nll_weight >= 0, "loss.nll_weight must be 0 or more");
  require(r.pairs.prompts > 0 && r.pairs.most_pairs > 0 && r.pairs.most_pairs_per_prompt > 0,
          "prompts, most_pairs and most_pairs_per_prompt of [pairs] must be at least 1");
  require(r.pairs.samples >= 1 && r.pairs.samples <= 256, "pairs.samples must be from 1 to 256");
  require(r.rollout.max_tokens > 0, "rollout.max_tokens must be at least 1");
  require(r.rollout.live_sequences >= r.pairs.samples,
          "rollout.live_sequences must be at least pairs.samples: a prompt's replies are generated "
          "together");
  require(r.optimizer.pairs_per_step > 0, "optimizer.pairs_per_step must be at least 1");
  require(r.optimizer.steps > 0 || r.optimizer.epochs > 0,
          "optimizer.steps or optimizer.epochs must be above 0");
  require(r.micro_batch_tokens > 0 && r.threads > 0,
          "micro_batch_tokens and threads of [run] must be at least 1");
  require(r.dtype == "f32" || r.dtype == "bf16", "run.dtype must be \"f32\" or \"bf16\"");
  require(r.logging.print_every > 0 && r.logging.evaluate_every > 0 &&
              r.logging.checkpoint_every > 0 && r.logging.keep_checkpoints > 0,
          "the intervals of [logging] must be at least 1");
}

}  // namespace

DpoRecipe parse_dpo_recipe(const std::string& text, const std::string& where) {
  RecipeReader reader(text, where);
  DpoRecipe recipe;
  recipe.source_text = text;
  bool has_pairs = false;
  reader.read_name(recipe.name, recipe.run_folder);
  reader.section("model", [&](TableReader& table) {
    read_model(table, recipe.model);
    table.read("frozen_dtype", recipe.model.frozen_dtype);
  });
  read_lora(reader, recipe.lora);
  reader.section("data", [&](TableReader& table) { read_data(table, recipe.data); });
  reader.section("pairs", [&](TableReader& table) {
    has_pairs = true;
    read_pairs(table, recipe.pairs);
  });
  reader.section("rollout", [&](TableReader& table) { read_rollout(table, recipe.rollout); });
  reader.section("loss", [&](TableReader& table) { read_loss(table, recipe.loss); });
  reader.section("optimizer", [&](TableReader& table) { read_optimizer(table, recipe.optimizer); });
  reader.section("logging", [&](TableReader& table) { read_logging(table, recipe.logging); });
  reader.section("run", [&](TableReader& table) { read_run(table, recipe); });
  reader.finish();
  reader.require(recipe.data.jsonl.empty() || !has_pairs,
                 "data.jsonl gives the pairs, so nothing is sampled: leave out [pairs]");
  check(reader, recipe);
  return recipe;
}

DpoRecipe load_dpo_recipe(const std::filesystem::path& path) {
  return parse_dpo_recipe(read_file(path, size_t{1} << 20), path.string());
}

}  // namespace stapes::train
