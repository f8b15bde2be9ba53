#include "train/rl/reward.h"

#include <set>
#include <sstream>

#include "eval/score.h"

namespace stapes::train {
namespace {

class TaskReward : public RewardFunction {
 public:
  TaskReward(const TaskRewardOptions& options, const Tokenizer& tokenizer)
      : options_(options), tokenizer_(tokenizer) {}

  std::vector<std::string> parts() const override { return {kAccuracyPart, "reasoning"}; }

  std::vector<Reward> grade(std::span<const Completion> completions) override {
    std::vector<Reward> rewards;
    for (const Completion& completion : completions) rewards.push_back(grade_one(completion));
    return rewards;
  }

 private:
  Reward grade_one(const Completion& completion) const {
    const bool right =
        completion.stop == StopReason::kStop &&
        normalized_answer(completion.answer) == normalized_answer(completion.prompt->answer);
    const bool present = reasoning_present(completion, options_, tokenizer_);
    Reward reward;
    reward.parts = {{kAccuracyPart, right ? 1.0 : 0.0}, {"reasoning", present ? 1.0 : 0.0}};
    const double accuracy = reward.parts[kAccuracyPart], reasoning = reward.parts["reasoning"];
    reward.total = completion.prompt->has_audio()
                       ? options_.accuracy_weight * accuracy + options_.reasoning_weight * reasoning
                       : options_.text_accuracy_weight * accuracy;
    return reward;
  }

  TaskRewardOptions options_;
  const Tokenizer& tokenizer_;
};

}  // namespace

bool reasoning_present(const Completion& completion, const TaskRewardOptions& options,
                       const Tokenizer& tokenizer) {
  if (!completion.thought_closed) return false;
  const auto tokens = static_cast<int>(tokenizer.encode_plain(completion.thinking).size());
  if (tokens < options.reasoning_min_tokens) return false;
  std::istringstream text(completion.thinking);
  std::set<std::string> words;
  for (std::string word; text >> word;) words.insert(word);
  return static_cast<int>(words.size()) >= options.reasoning_min_distinct_words;
}

std::unique_ptr<RewardFunction> task_reward(const TaskRewardOptions& options,
                                            const Tokenizer& tokenizer) {
  return std::make_unique<TaskReward>(options, tokenizer);
}

}  // namespace stapes::train
