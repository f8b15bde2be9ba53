#include "train/dpo/own_pairs.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/fail.h"
#include "base/file.h"
#include "base/rng.h"
#include "train/dpo/hearing_prompts.h"
#include "train/dpo/pair_sampling.h"
#include "train/run/progress.h"
#include "train/run/session.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kSamplingStream = 0x736d70;  // of random numbers

std::unique_ptr<PromptSource> hearing_prompts_of(const DpoRecipe& recipe) {
  if (!recipe.pairs.clips_jsonl.empty())
    return jsonl_hearing_prompts(recipe.pairs.clips_jsonl, recipe.seed);
  return world_hearing_prompts(world_options(recipe));
}

// What sampled pairs depend on.
std::string pairs_key(const DpoRecipe& r, const std::string& model, const PromptSource& prompts) {
  const PairsRecipe& p = r.pairs;
  return fmt::format(
      "model {}, {}, seed {}, {} digits, {} notes, {} x {}, most {} and {}, {} {} {}", model,
      prompts.fingerprint(), r.seed, r.data.max_digits, r.data.max_notes, p.prompts, p.samples,
      p.most_pairs, p.most_pairs_per_prompt, p.examples_where_none_refuses, p.require_grounded,
      r.rollout.max_tokens);
}

// The record is written last: where it is, the pairs are whole.
bool are_there(const fs::path& file, const fs::path& record, const std::string& key) {
  if (!fs::exists(record) || !fs::exists(file)) return false;
  const auto written = nlohmann::json::parse(read_file(record), nullptr, false);
  return written.is_object() && written.contains("key") && written["key"] == key;
}

PairSamplingFunnel sample(const DpoRecipe& recipe, const PromptSource& prompts,
                          const RolloutEngine& engine, const Ranks& ranks,
                          const std::atomic<bool>* stop) {
  Progress progress(0, recipe.pairs.prompts, ranks.leads());
  PairSamplingFunnel funnel =
      sample_pairs(recipe, prompts, engine, recipe.run_folder,
                   {.seed = Rng(recipe.seed, kSamplingStream).next(),
                    .stop = stop,
                    .on_progress =
                        [&](int64_t done, int64_t) {
                          progress.show(done, "prompts asked whether the model hears");
                        },
                    .ranks = &ranks});
  progress.finish_line();
  return funnel;
}

}  // namespace

WorldPromptOptions world_options(const DpoRecipe& recipe) {
  return {.digits_folder = recipe.data.digits_folder,
          .max_digits = recipe.data.max_digits,
          .max_notes = recipe.data.max_notes,
          .seed = recipe.seed};
}

fs::path own_pairs(const DpoRecipe& recipe, const std::string& model_hash,
                   const RolloutEngine& engine, const Ranks& ranks, const std::atomic<bool>* stop) {
  fs::path file = recipe.run_folder / "pairs.jsonl";
  const fs::path record = recipe.run_folder / "pairs.json";
  const auto prompts = hearing_prompts_of(recipe);
  const std::string key = pairs_key(recipe, model_hash, *prompts);
  const std::string there = done_by_the_first(ranks, "the pairs of an earlier run", [&] {
    return std::string(are_there(file, record, key) ? "there" : "");
  });
  if (!there.empty()) {
    if (ranks.leads()) fmt::print(stderr, "{} is there already\n", file.string());
    return file;
  }
  const PairSamplingFunnel funnel = sample(recipe, *prompts, engine, ranks, stop);
  if (ranks.leads()) fmt::print(stderr, "{}", funnel.to_table());
  done_by_the_first(ranks, "the sampled pairs", [&] {
    nlohmann::ordered_json written = funnel.to_json();
    written["key"] = key;
    write_file_atomically(record, written.dump(2) + "\n");
    return std::string();
  });
  if (funnel.pairs.pairs == 0)
    fail(ErrorCode::kInvalidData,
         "no pair came of {} prompts: {} have no reply to choose, {} none to reject ({} says "
         "more); a model that never refuses needs pairs.examples_where_none_refuses = true",
         funnel.pairs.prompts, funnel.pairs.no_chosen, funnel.pairs.no_rejected, record.string());
  return file;
}

}  // namespace stapes::train
