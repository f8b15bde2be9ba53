// The recipe of modality-grounded reasoning distillation (arXiv 2511.15848, section 3.3). The paper
// says what a round does, not in which numbers: K, the number of rounds, how many chains are kept,
// the judge and all learning rates are keys whose defaults are this project's own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "reward/grounding_report.h"
#include "reward/judge.h"
#include "train/recipe.h"
#include "train/rl_recipe.h"

namespace stapes::train {

// Which of a question's chains are kept where more than `keep_per_question` passed the filter.
enum class KeepRule : uint8_t { kRandom, kShortest, kLongest };

struct DistillRecipe {
  int64_t questions = 1000;  // of a round
  int samples = 8;           // K, at temperature 1
  int max_tokens = 256;
  int keep_per_question = 2;
  KeepRule keep = KeepRule::kRandom;
  bool distinct = true;        // of chains that are the same text, one
  int questions_at_once = 64;  // written to disk together: what a kill costs
  int64_t live_sequences = 512;
  int64_t kv_tokens = 0;  // as RolloutRecipe::kv_tokens
};

// What happens with a chain about which the judge gives no verdict.
enum class JudgeFailure : uint8_t { kKeep, kDrop, kStop };

struct MgrdJudgeRecipe {
  reward::JudgeOptions options;  // no url: no judge
  std::string key_variable;      // the environment variable with the endpoint's key
  JudgeFailure on_failure = JudgeFailure::kDrop;
  // After so many chains in a row without a verdict the judge is not asked any more: one that hangs
  // would else cost its time limit for each chain.
  int give_up_after = 8;
  bool enabled() const { return !options.url.empty(); }
};

// A part of the supervised data beside the distilled chains.
struct MgrdTextSource {
  std::string name;
  std::filesystem::path jsonl;
  double weight = 1;  // among the sources
};

struct MgrdSftRecipe {
  OptimizerRecipe optimizer;
  LoggingRecipe logging;
  std::vector<MgrdTextSource> sources;
  double text_share = 0.5;  // of the examples; they are the sources' where there are any
  double cut_thought_share = 0;  // of the distilled chains: as WorldRecipe's
};

struct MgrdEvaluationRecipe {
  int prompts = 128;  // held out, greedy
  int examples = 16;  // of these in examples.jsonl, with the clip beside it
};

struct MgrdRecipe {
  std::string name;
  std::filesystem::path run_folder;
  ModelRecipe model;  // `init` is required
  RlDataRecipe data;  // the questions of distillation, evaluation and reinforcement
  SelectionRecipe selection;
  DistillRecipe distill;
  reward::GroundingOptions filter;
  // Questions about how something is said, not what: in their thoughts heard words do not count.
  std::vector<std::string> prosody_tasks;
  MgrdJudgeRecipe judge;
  MgrdSftRecipe sft;
  RlRecipe rl;  // iterations = 0: none; its name, folders, model and data are the round's
  MgrdEvaluationRecipe evaluation;
  int rounds = 2;
  uint64_t seed = 1;
  int threads = 1;
  std::string source_text;

  reward::GroundingOptions filter_for(const std::string& task) const;
};

// As load_recipe and parse_recipe.
MgrdRecipe load_mgrd_recipe(const std::filesystem::path& path);
MgrdRecipe parse_mgrd_recipe(const std::string& toml, const std::string& where);

}  // namespace stapes::train
