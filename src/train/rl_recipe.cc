#include "train/rl_recipe.h"

#include <cmath>
#include <set>

#include "base/file.h"
#include "train/recipe_reader.h"
#include "train/rl_recipe_reader.h"

namespace stapes::train {
namespace {

void read_rollout(TableReader& table, RolloutRecipe& rollout) {
  table.read("prompts", rollout.prompts);
  table.read("samples", rollout.samples);
  table.read("max_tokens", rollout.max_tokens);
  table.read("live_sequences", rollout.live_sequences);
  table.read("kv_tokens", rollout.kv_tokens);
  table.read("mismatch_mean", rollout.mismatch_mean);
  table.read("mismatch_max", rollout.mismatch_max);
}

void read_reward(TableReader& table, TaskRewardOptions& reward) {
  table.read("accuracy_weight", reward.accuracy_weight);
  table.read("reasoning_weight", reward.reasoning_weight);
  table.read("text_accuracy_weight", reward.text_accuracy_weight);
  table.read("reasoning_min_words", reward.reasoning.min_words);
  table.read("reasoning_min_distinct_words", reward.reasoning.min_distinct_words);
  table.read("reasoning_min_words_beside_answer", reward.reasoning.min_words_beside_answer);
  table.read("reasoning_min_tokens", reward.reasoning.min_tokens);
}

void read_plugin(TableReader& table, RewardPlugin& plugin) {
  table.read("name", plugin.name);
  table.read("command", plugin.command);
  table.read("url", plugin.url);
  table.read("all_rows", plugin.all_rows);
  table.read("decides", plugin.decides);
  table.read("weight", plugin.weight);
  table.read("timeout_s", plugin.timeout_s);
  table.read("batch_size", plugin.batch_size);
  table.read("parallel", plugin.parallel);
  table.read("cache", plugin.cache);
  table.read_word(
      "on_failure", plugin.on_failure,
      std::array{std::pair{"stop", PluginFailure::kStop}, std::pair{"zero", PluginFailure::kZero},
                 std::pair{"skip", PluginFailure::kSkip}});
}

void read_advantage(TableReader& table, AdvantageRecipe& advantage) {
  table.read("estimator", advantage.estimator);
  table.read("gamma", advantage.gamma);
  table.read("lambda", advantage.lambda);
  table.read("whiten", advantage.whiten);
}

// What policy and critic have in common.
template <typename Network>
void read_network(TableReader& table, Network& network) {
  table.read("learning_rate", network.learning_rate);
  table.read("warmup_updates", network.warmup_updates);
  table.read("minibatches", network.minibatches);
  table.read("clip", network.clip);
  table.read("weight_decay", network.weight_decay);
  table.read("beta1", network.beta1);
  table.read("beta2", network.beta2);
  table.read("gradient_clip", network.gradient_clip);
}

void read_policy(TableReader& table, PolicyRecipe& policy) {
  read_network(table, policy);
  table.read("epochs", policy.epochs);
  table.read("kl", policy.kl);
  table.read("kl_weight", policy.kl_weight);
  table.read("train_adaptor", policy.train_adaptor);
}

void read_critic(TableReader& table, CriticRecipe& critic) {
  read_network(table, critic);
  table.read("warmup_iterations", critic.warmup_iterations);
}

void read_logging(TableReader& table, RlLoggingRecipe& logging) {
  table.read("evaluate_every", logging.evaluate_every);
  table.read("evaluation_prompts", logging.evaluation_prompts);
  table.read("checkpoint_every", logging.checkpoint_every);
  table.read("keep_checkpoints", logging.keep_checkpoints);
  table.read("completions_every", logging.completions_every);
  table.read("completions", logging.completions);
  table.read("reference_share", logging.reference_share);
}

void read_run(TableReader& table, RlRecipe& recipe) {
  table.read("iterations", recipe.iterations);
  table.read("micro_batch_tokens", recipe.micro_batch_tokens);
  table.read("dtype", recipe.dtype);
  table.read("seed", recipe.seed);
  table.read("threads", recipe.threads);
}

void check_plugins(const std::string& where, const std::vector<RewardPlugin>& plugins) {
  std::set<std::string> names;
  for (const RewardPlugin& p : plugins) {
    const auto require = [&](bool holds, const char* sentence) {
      train::require(holds, fmt::format("{}: reward.plugins \"{}\"", where, p.name), sentence);
    };
    require(!p.name.empty() && p.name.find_first_of(",/\"\n") == std::string::npos,
            "every plug-in needs a name, without comma, slash and quotation mark");
    require(names.insert(p.name).second, "two plug-ins have this name");
    require(p.command.empty() != p.url.empty(),
            "expected either command (a list: the program and its arguments) or url");
    require(p.command.empty() || !p.command.front().empty(), "the command's program is empty");
    require(std::isfinite(p.weight), "weight must be a finite number");
    require(!p.decides || p.weight == 1,
            "with decides = true the score is the accuracy and is weighted as such "
            "(reward.accuracy_weight, reward.text_accuracy_weight): weight means nothing");
    require(p.timeout_s > 0 && p.timeout_s <= 86400, "timeout_s must be above 0, at most 86400");
    require(p.batch_size >= 1 && p.parallel >= 1 && p.parallel <= 1024,
            "batch_size and parallel must be at least 1, and parallel at most 1024");
  }
}

void check(const RecipeReader& reader, const RlRecipe& r) {
  check_model(reader, r.model);
  reader.require(
      !r.model.init.empty(),
      "model.init is missing: the model folder to start from (a model from nothing answers "
      "nothing right, so there is nothing to reinforce; see stapes-train sft)");
  check_rl_data(reader.where(), r.data);
  check_rl_numbers(reader.where(), r);
}

}  // namespace

void check_selection(const std::string& where, const SelectionRecipe& selection) {
  require(selection.samples >= 1 && selection.samples <= 256 &&
              selection.lowest <= selection.highest && selection.highest <= selection.samples,
          where, "selection: expected lowest <= highest <= samples <= 256");
}

void check_rl_data(const std::string& where, const RlDataRecipe& data) {
  require(data.text_share > 0 && data.text_share < 1, where,
          "data.text_share must be between 0 and 1; without data.text_jsonl it means nothing");
}

void check_rl_numbers(const std::string& where, const RlRecipe& r) {
  const auto require = [&](bool holds, const char* sentence) {
    train::require(holds, where, sentence);
  };
  check_plugins(where, r.reward_plugins);
  require(r.iterations > 0 && r.micro_batch_tokens > 0 && r.threads > 0,
          "iterations, micro_batch_tokens and threads of [run] must be at least 1");
  require(r.dtype == "f32" || r.dtype == "bf16", "run.dtype must be \"f32\" or \"bf16\"");
  require(r.rollout.prompts > 0 && r.rollout.max_tokens > 0 && r.rollout.live_sequences > 0,
          "prompts, max_tokens and live_sequences of [rollout] must be at least 1");
  require(r.rollout.samples >= 1 && r.rollout.samples <= 256,
          "rollout.samples must be from 1 to 256");
  require(r.rollout.live_sequences >= r.rollout.samples,
          "rollout.live_sequences must be at least rollout.samples: a prompt's replies are "
          "generated together");
  check_selection(where, r.selection);
  require(r.advantage.estimator == "gae" || r.advantage.estimator == "grpo" ||
              r.advantage.estimator == "rloo",
          "advantage.estimator must be \"gae\", \"grpo\" or \"rloo\"");
  require(r.has_critic() || r.rollout.samples > 1,
          "advantage.estimator \"grpo\" and \"rloo\" compare a prompt's replies: rollout.samples "
          "must be at least 2");
  require(r.advantage.gamma > 0 && r.advantage.gamma <= 1 && r.advantage.lambda >= 0 &&
              r.advantage.lambda <= 1,
          "advantage: expected 0 < gamma <= 1 and 0 <= lambda <= 1");
  require(r.policy.kl == "none" || r.policy.kl == "k1" || r.policy.kl == "k3",
          "policy.kl must be \"none\", \"k1\" or \"k3\"");
  require(r.policy.kl != "k1" || r.has_critic(),
          "policy.kl = \"k1\" goes into the rewards of tokens, which only the estimator \"gae\" "
          "knows; take \"k3\"");
  require(r.policy.epochs > 0 && r.policy.minibatches > 0 && r.critic.minibatches > 0,
          "policy.epochs, policy.minibatches and critic.minibatches must be at least 1");
  require(r.policy.clip > 0 && r.policy.clip < 1, "policy.clip must be between 0 and 1");
  require(r.logging.reference_share >= 0 && r.logging.reference_share <= 1,
          "logging.reference_share must be from 0 to 1");
  require(r.logging.evaluate_every > 0 && r.logging.checkpoint_every > 0 &&
              r.logging.keep_checkpoints > 0 && r.logging.completions_every > 0,
          "the intervals of [logging] must be at least 1");
}

void read_rl_data(TableReader& table, RlDataRecipe& data) {
  table.read("jsonl", data.jsonl);
  table.read("digits_folder", data.digits_folder);
  table.read("tasks", data.tasks);
  table.read("paraphrase_share", data.paraphrase_share);
  table.read("max_digits", data.max_digits);
  table.read("max_notes", data.max_notes);
  table.read("text_jsonl", data.text_jsonl);
  table.read("text_share", data.text_share);
}

void read_selection(TableReader& table, SelectionRecipe& selection) {
  table.read("pool", selection.pool);
  table.read("samples", selection.samples);
  table.read("lowest", selection.lowest);
  table.read("highest", selection.highest);
}

void read_rl_tables(TableReader& top, RlRecipe& recipe) {
  top.table("selection", [&](TableReader& table) { read_selection(table, recipe.selection); });
  top.table("rollout", [&](TableReader& table) { read_rollout(table, recipe.rollout); });
  top.table("reward", [&](TableReader& table) {
    read_reward(table, recipe.reward);
    table.tables("plugins", [&](TableReader& plugin) {
      read_plugin(plugin, recipe.reward_plugins.emplace_back());
    });
  });
  top.table("advantage", [&](TableReader& table) { read_advantage(table, recipe.advantage); });
  top.table("policy", [&](TableReader& table) { read_policy(table, recipe.policy); });
  top.table("critic", [&](TableReader& table) { read_critic(table, recipe.critic); });
  top.table("logging", [&](TableReader& table) { read_logging(table, recipe.logging); });
  top.table("run", [&](TableReader& table) { read_run(table, recipe); });
}

RlRecipe parse_rl_recipe(const std::string& text, const std::string& where) {
  RecipeReader reader(text, where);
  RlRecipe recipe;
  recipe.source_text = text;
  reader.read_name(recipe.name, recipe.run_folder);
  reader.section("model", [&](TableReader& table) { read_model(table, recipe.model); });
  reader.section("data", [&](TableReader& table) { read_rl_data(table, recipe.data); });
  read_rl_tables(reader.top(), recipe);
  reader.finish();
  check(reader, recipe);
  return recipe;
}

RlRecipe load_rl_recipe(const std::filesystem::path& path) {
  return parse_rl_recipe(read_file(path, size_t{1} << 20), path.string());
}

}  // namespace stapes::train
