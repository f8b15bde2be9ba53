// What the model of a supervised run writes by itself, every some steps: completions.jsonl.
#pragma once

#include <memory>
#include <vector>

#include "train/recipe.h"
#include "train/rl/completions_log.h"
#include "train/rl/reward.h"
#include "train/rl/rollouts.h"

namespace stapes::train {

// The first `logging.completions` clips that are kept for evaluation, one question each, answered
// greedily by the `stapes` engine on the trainer's own weights. A reply is graded where it is known
// what is right: on the sound world, and on rows with a column `answer` or `solution`; a row's own
// reply stands beside the others, ungraded.
class SftSamples {
 public:
  // Throws as world_prompts, read_jsonl, load_audio_file.
  SftSamples(const Recipe& recipe, const ModelConfig& config, const ModelFiles& files,
             const Parameters& parameters, int64_t steps_done);
  // Not stopped by signals: a checkpoint of this step must find its replies in the file.
  void write(int64_t step, const Parameters& parameters);

 private:
  int max_tokens_;
  RolloutEngine engine_;
  std::unique_ptr<RewardFunction> reward_;
  std::vector<RolloutPrompt> prompts_;
  std::vector<bool> graded_;  // of each prompt
  CompletionsLog log_;
};

}  // namespace stapes::train
