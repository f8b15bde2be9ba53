#include "train/mgrd_recipe.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/fail.h"
#include "base/file.h"
#include "train/rl_recipe_reader.h"
#include "world/world.h"

namespace stapes::train {
namespace {

void read_distill(TableReader& table, DistillRecipe& distill) {
  table.read("questions", distill.questions);
  table.read("samples", distill.samples);
  table.read("max_tokens", distill.max_tokens);
  table.read("keep_per_question", distill.keep_per_question);
  table.read_word(
      "keep", distill.keep,
      std::array{std::pair{"random", KeepRule::kRandom}, std::pair{"shortest", KeepRule::kShortest},
                 std::pair{"longest", KeepRule::kLongest}});
  table.read("distinct", distill.distinct);
  table.read("questions_at_once", distill.questions_at_once);
  table.read("live_sequences", distill.live_sequences);
  table.read("kv_tokens", distill.kv_tokens);
}

void read_filter(TableReader& table, reward::GroundingOptions& filter,
                 std::vector<std::string>& prosody_tasks) {
  table.read("prosody_tasks", prosody_tasks);
  table.read("require_right", filter.require_right);
  table.read("require_grounded", filter.require_grounded);
  table.read("require_coherent", filter.require_coherent);
  table.read("most_false_claims", filter.most_false_claims);
  table.read("fewest_true_claims", filter.fewest_true_claims);
  table.read("undecided_is_coherent", filter.undecided_is_coherent);
  table.read("heard_words_count", filter.rules.heard_words_count);
  table.read("words_are_surrogate", filter.rules.words_are_surrogate);
  table.read("reasoning_min_words", filter.reasoning.min_words);
  table.read("reasoning_min_distinct_words", filter.reasoning.min_distinct_words);
  table.read("reasoning_min_words_beside_answer", filter.reasoning.min_words_beside_answer);
  table.read("reasoning_min_tokens", filter.reasoning.min_tokens);
}

void read_judge(TableReader& table, MgrdJudgeRecipe& judge, const std::string& where) {
  table.read("url", judge.options.url);
  table.read("model", judge.options.model);
  table.read("key_variable", judge.key_variable);
  table.read("votes", judge.options.votes);
  table.read("temperature", judge.options.temperature);
  table.read("max_tokens", judge.options.max_tokens);
  table.read("seed", judge.options.seed);
  table.read("attempts", judge.options.attempts);
  table.read("cache_folder", judge.options.cache_folder);
  double timeout_s = std::chrono::duration<double>(judge.options.time).count();
  table.read("timeout_s", timeout_s);
  require(timeout_s > 0 && timeout_s <= 86'400, where, "judge.timeout_s must be above 0");
  judge.options.time = std::chrono::milliseconds(std::llround(std::ceil(timeout_s * 1000)));
  table.read_word(
      "on_failure", judge.on_failure,
      std::array{std::pair{"keep", JudgeFailure::kKeep}, std::pair{"drop", JudgeFailure::kDrop},
                 std::pair{"stop", JudgeFailure::kStop}});
  table.read("give_up_after", judge.give_up_after);
}

void read_sft(TableReader& table, MgrdSftRecipe& sft) {
  table.table("optimizer", [&](TableReader& inner) { read_sft_optimizer(inner, sft.optimizer); });
  table.table("logging", [&](TableReader& inner) { read_sft_logging(inner, sft.logging); });
  table.read("text_share", sft.text_share);
  table.read("cut_thought_share", sft.cut_thought_share);
  table.tables("sources", [&](TableReader& inner) {
    MgrdTextSource source;
    inner.read("name", source.name);
    inner.read("jsonl", source.jsonl);
    inner.read("weight", source.weight);
    sft.sources.push_back(source);
  });
}

void read_evaluation(TableReader& table, MgrdEvaluationRecipe& evaluation) {
  table.read("prompts", evaluation.prompts);
  table.read("examples", evaluation.examples);
}

void check_sft(const std::string& where, const MgrdSftRecipe& sft) {
  check_sft_numbers(where + ": [sft]", sft.optimizer, sft.logging);
  require(sft.text_share >= 0 && sft.text_share < 1, where,
          "sft.text_share must be from 0 to below 1");
  require(sft.cut_thought_share >= 0 && sft.cut_thought_share <= 1, where,
          "sft.cut_thought_share must be from 0 to 1");
  for (const MgrdTextSource& source : sft.sources) {
    require(!source.name.empty() && source.name != "distilled", where,
            "each of [[sft.sources]] needs a name of its own; \"distilled\" is taken");
    require(!source.jsonl.empty(), where, "each of [[sft.sources]] needs jsonl = \"FILE\"");
    require(std::isfinite(source.weight) && source.weight > 0, where,
            "sft.sources.weight must be above 0");
  }
}

// Rows of a JSONL may have tasks of any name; those of the world are known.
void check_prosody_tasks(const std::string& where, const MgrdRecipe& r) {
  if (!r.data.jsonl.empty()) return;
  for (const std::string& task : r.prosody_tasks) {
    try {
      world::task_by_name(task);
    } catch (const Error& error) {
      fail(ErrorCode::kInvalidData, "{}: filter.prosody_tasks: {}", where, error.what());
    }
  }
}

void check(const RecipeReader& reader, const MgrdRecipe& r) {
  const auto need = [&](bool holds, const char* sentence) { reader.require(holds, sentence); };
  check_model(reader, r.model);
  need(!r.model.init.empty(), "model.init is missing: the model folder whose chains are distilled");
  need(r.rounds > 0 && r.threads > 0, "run.rounds and run.threads must be at least 1");
  check_rl_data(reader.where(), r.data);
  check_selection(reader.where(), r.selection);
  const DistillRecipe& d = r.distill;
  need(d.questions > 0 && d.max_tokens > 0 && d.keep_per_question > 0 && d.questions_at_once > 0,
       "questions, max_tokens, keep_per_question and questions_at_once of [distill] must be at "
       "least 1");
  need(d.samples >= 1 && d.samples <= 256, "distill.samples must be from 1 to 256");
  need(d.live_sequences >= d.samples,
       "distill.live_sequences must be at least distill.samples: a question's chains are generated "
       "together");
  need(r.selection.pool == 0 || d.live_sequences >= r.selection.samples,
       "distill.live_sequences must be at least selection.samples");
  need(r.judge.give_up_after > 0, "judge.give_up_after must be at least 1");
  need(!r.judge.enabled() || (r.judge.options.votes >= 1 && r.judge.options.votes <= 99 &&
                              r.judge.options.attempts >= 1),
       "expected 1 to 99 judge.votes and at least 1 judge.attempts");
  check_prosody_tasks(reader.where(), r);
  need(r.evaluation.prompts > 0, "evaluation.prompts must be at least 1");
  check_sft(reader.where(), r.sft);
  if (r.rl.iterations > 0) check_rl_numbers(reader.where() + ": [rl]", r.rl);
}

}  // namespace

reward::GroundingOptions MgrdRecipe::filter_for(const std::string& task) const {
  reward::GroundingOptions options = filter;
  if (std::ranges::find(prosody_tasks, task) != prosody_tasks.end())
    options.rules.heard_words_count = false;
  return options;
}

MgrdRecipe parse_mgrd_recipe(const std::string& text, const std::string& where) {
  RecipeReader reader(text, where);
  MgrdRecipe recipe;
  recipe.source_text = text;
  reader.read_name(recipe.name, recipe.run_folder);
  reader.section("run", [&](TableReader& table) {
    table.read("rounds", recipe.rounds);
    table.read("seed", recipe.seed);
    table.read("threads", recipe.threads);
  });
  // The encoder has learned to hear and stays as it is, as in the paper, unless the recipe says so.
  recipe.sft.optimizer.encoder_learning_rate_scale = 0;
  recipe.sft.optimizer.helper_weight = 0;
  recipe.sft.optimizer.threads = recipe.rl.threads = recipe.threads;
  recipe.sft.optimizer.seed = recipe.rl.seed = recipe.seed;
  reader.section("model", [&](TableReader& table) { read_model(table, recipe.model); });
  reader.section("data", [&](TableReader& table) { read_rl_data(table, recipe.data); });
  reader.section("selection", [&](TableReader& table) { read_selection(table, recipe.selection); });
  reader.section("distill", [&](TableReader& table) { read_distill(table, recipe.distill); });
  reader.section("filter", [&](TableReader& table) {
    read_filter(table, recipe.filter, recipe.prosody_tasks);
  });
  reader.section("judge", [&](TableReader& table) { read_judge(table, recipe.judge, where); });
  reader.section("sft", [&](TableReader& table) { read_sft(table, recipe.sft); });
  reader.section("rl", [&](TableReader& table) { read_rl_tables(table, recipe.rl); });
  reader.section("evaluation",
                 [&](TableReader& table) { read_evaluation(table, recipe.evaluation); });
  reader.finish();
  recipe.filter.no_verdict_is_grounded = recipe.judge.on_failure == JudgeFailure::kKeep;
  recipe.judge.options.no_verdict_is_error = recipe.judge.on_failure == JudgeFailure::kStop;
  check(reader, recipe);
  return recipe;
}

MgrdRecipe load_mgrd_recipe(const std::filesystem::path& path) {
  return parse_mgrd_recipe(read_file(path, size_t{1} << 20), path.string());
}

}  // namespace stapes::train
