#include "train/rl/prompt_selection.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/fail.h"
#include "base/file.h"
#include "base/rng.h"
#include "train/run/progress.h"

namespace stapes::train {

Selection try_out(const PromptSource& source, const RolloutEngine& engine, RewardFunction& reward,
                  const TryOutOptions& options) {
  auto pool = static_cast<uint64_t>(options.pool);
  const bool endless = source.count() == 0;
  if (!endless) pool = std::min(pool, source.count());
  const uint64_t first = endless ? options.first : 0;
  std::vector<int> right;
  while (right.size() < pool) {
    const uint64_t begin = right.size();
    const uint64_t end = std::min(pool, begin + static_cast<uint64_t>(options.prompts_at_once));
    std::vector<RolloutPrompt> prompts;
    for (uint64_t i = begin; i < end; ++i)
      prompts.push_back(source.get(Phase::kTraining, first + i));
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
  Selection selection = select_by_passes(right, options.range);
  for (uint64_t& index : selection.kept) index += first;
  return selection;
}

Selection choose_prompts(const PromptSource& source, const RolloutEngine& engine,
                         RewardFunction& reward, const TryOutOptions& options,
                         const std::filesystem::path& file) {
  const bool leads = options.ranks == nullptr || options.ranks->leads();
  Progress progress(0, options.pool, leads);
  TryOutOptions shown = options;
  shown.on_progress = [&](int64_t done, int64_t) { progress.show(done, "prompts tried out"); };
  Selection selection = try_out(source, engine, reward, shown);
  progress.finish_line();
  const PassRange& range = options.range;
  if (leads) {
    fmt::print(stderr, "right answers of {}: {}\n", range.samples, to_line(selection));
    write_file_atomically(file, to_json(selection).dump() + "\n");
  }
  if (selection.kept.empty())
    fail(ErrorCode::kInvalidData,
         "no prompt of {} was answered right {} to {} times of {}: nothing to train on; {} says "
         "how often they were",
         selection.prompts, range.lowest, range.highest, range.samples, file.string());
  return selection;
}

}  // namespace stapes::train
