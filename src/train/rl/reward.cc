#include "train/rl/reward.h"

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
    const reward::Reply reply{.thinking = completion.thinking,
                              .answer = completion.answer,
                              .closed = completion.thought_closed};
    const reward::Grade grade = reward::grade_answer(reply, completion.prompt->expected);
    if (!grade.score) return {};
    const double accuracy = completion.stop == StopReason::kStop ? *grade.score : 0;
    const double reasoning =
        reward::reasoning_present(reply, options_.reasoning, thinking_tokens(reply)).present ? 1
                                                                                             : 0;
    Reward reward;
    reward.parts = {{kAccuracyPart, accuracy}, {"reasoning", reasoning}};
    reward.total = completion.prompt->has_audio()
                       ? options_.accuracy_weight * accuracy + options_.reasoning_weight * reasoning
                       : options_.text_accuracy_weight * accuracy;
    return reward;
  }

  std::optional<int64_t> thinking_tokens(const reward::Reply& reply) const {
    if (options_.reasoning.min_tokens == 0) return std::nullopt;
    return static_cast<int64_t>(tokenizer_.encode_plain(reply.thinking).size());
  }

  TaskRewardOptions options_;
  const Tokenizer& tokenizer_;
};

}  // namespace

std::unique_ptr<RewardFunction> task_reward(const TaskRewardOptions& options,
                                            const Tokenizer& tokenizer) {
  return std::make_unique<TaskReward>(options, tokenizer);
}

}  // namespace stapes::train
