#include "train/rl/prompt_selection.h"

#include <algorithm>

#include "base/rng.h"

namespace stapes::train {

Selection try_out(const PromptSource& source, const RolloutEngine& engine, RewardFunction& reward,
                  const TryOutOptions& options) {
  auto pool = static_cast<uint64_t>(options.pool);
  if (source.count() > 0) pool = std::min(pool, source.count());
  std::vector<int> right;
  while (right.size() < pool) {
    const uint64_t begin = right.size();
    const uint64_t end = std::min(pool, begin + static_cast<uint64_t>(options.prompts_at_once));
    std::vector<RolloutPrompt> prompts;
    for (uint64_t i = begin; i < end; ++i) prompts.push_back(source.get(Phase::kTraining, i));
    std::vector<Rollout> rollouts =
        engine.generate(prompts, {.samples = options.range.samples,
                                  .max_tokens = options.max_tokens,
                                  .seed = mix64(options.seed ^ mix64(begin)),
                                  .stop = options.stop,
                                  .ranks = options.ranks});
    if (options.ranks != nullptr)
      grade(prompts, rollouts, reward, *options.ranks);
    else
      grade(prompts, rollouts, reward);
    right.resize(end, 0);
    for (const Rollout& rollout : rollouts)
      right[begin + rollout.prompt] += rollout.reward.parts.at(kAccuracyPart) >= 1 ? 1 : 0;
    if (options.on_progress)
      options.on_progress(static_cast<int64_t>(end), static_cast<int64_t>(pool));
  }
  return select_by_passes(right, options.range);
}

}  // namespace stapes::train
