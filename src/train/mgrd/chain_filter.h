// Which sampled chains are about the sound: the rules and claims of reward/, and the judge for what
// has passed them.
#pragma once

#include <atomic>
#include <memory>

#include "reward/facts.h"
#include "reward/grounding_report.h"
#include "train/mgrd_recipe.h"
#include "train/rl/rollouts.h"

namespace stapes::train {

// What is known of a prompt's sound: the world's truth, or what is measured of its only clip;
// nothing where there are several.
reward::Evidence evidence_of(const RolloutPrompt& prompt);

// All that check_grounding wants to know of a reply. A reply that was cut counts as an open thought
// and as wrong.
reward::GroundingInput grounding_input(const RolloutPrompt& prompt,
                                       const reward::Evidence& evidence, const Rollout& rollout,
                                       const Tokenizer& tokenizer);

class ChainFilter {
 public:
  // Throws as reward::Judge, and kUsage where the judge's key is not in the environment.
  ChainFilter(const MgrdRecipe& recipe, const Tokenizer& tokenizer,
              const std::atomic<bool>* stop = nullptr);
  ~ChainFilter();

  // Throws kIo where the judge gives no verdict and the recipe says "stop"; kCancelled before a
  // judge is asked once `stop` is set.
  reward::GroundingReport check(const RolloutPrompt& prompt, const reward::Evidence& evidence,
                                const Rollout& rollout);

 private:
  reward::JudgeVerdict ask(const RolloutPrompt& prompt, const Rollout& rollout);

  const MgrdRecipe& recipe_;
  const Tokenizer& tokenizer_;
  const std::atomic<bool>* stop_;
  std::unique_ptr<reward::Judge> judge_;
  int failures_in_a_row_ = 0;
};

}  // namespace stapes::train
