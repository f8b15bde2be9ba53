#include "train/rl/reward.h"

#include "base/fail.h"
#include "train/rl/reward_plugins.h"

namespace stapes::train {
namespace {

class TaskReward : public RewardFunction {
 public:
  TaskReward(const TaskRewardOptions& options, const Tokenizer& tokenizer,
             const std::vector<RewardPlugin>& plugins)
      : options_(options), tokenizer_(tokenizer) {
    for (const RewardPlugin& plugin : plugins) plugins_.emplace_back(plugin);
  }

  std::vector<std::string> parts() const override {
    std::vector<std::string> parts = {kAccuracyPart, "reasoning"};
    for (const PluginGrader& plugin : plugins_) parts.push_back(plugin.part());
    return parts;
  }

  std::vector<Reward> grade(std::span<const Completion> completions) override {
    std::vector<std::vector<PluginVerdict>> verdicts(completions.size());  // of each plug-in
    for (PluginGrader& plugin : plugins_) {
      const std::vector<PluginVerdict> of_plugin = plugin.grade(completions);
      for (size_t i = 0; i < completions.size(); ++i) verdicts[i].push_back(of_plugin[i]);
    }
    std::vector<Reward> rewards;
    for (size_t i = 0; i < completions.size(); ++i)
      rewards.push_back(grade_one(completions[i], verdicts[i]));
    return rewards;
  }

 private:
  Reward grade_one(const Completion& completion, const std::vector<PluginVerdict>& verdicts) const {
    const reward::Reply reply{.thinking = completion.thinking,
                              .answer = completion.answer,
                              .closed = completion.thought_closed};
    Reward reward;
    double added = 0;
    std::optional<double> decided;
    for (size_t i = 0; i < plugins_.size(); ++i) {
      if (!verdicts[i].about) continue;
      if (!verdicts[i].score) return {};
      const RewardPlugin& plugin = plugins_[i].plugin();
      reward.parts[plugins_[i].part()] = *verdicts[i].score;
      if (plugin.decides && decided)
        fail(ErrorCode::kInvalidData,
             "two reward plug-ins decide about {}, one of them \"{}\": expected one",
             completion.prompt->id, plugin.name);
      if (plugin.decides)
        decided = verdicts[i].score;
      else
        added += plugin.weight * *verdicts[i].score;
    }
    const std::optional<double> right = decided ? decided : compared(completion, reply);
    if (!right) return {};
    const double accuracy = completion.stop == StopReason::kStop ? *right : 0;
    const double reasoning =
        reward::reasoning_present(reply, options_.reasoning, thinking_tokens(reply)).present ? 1
                                                                                             : 0;
    reward.parts[kAccuracyPart] = accuracy;
    reward.parts["reasoning"] = reasoning;
    reward.total =
        added + (completion.prompt->has_audio()
                     ? options_.accuracy_weight * accuracy + options_.reasoning_weight * reasoning
                     : options_.text_accuracy_weight * accuracy);
    return reward;
  }

  // With the expected answer; nothing where that cannot be read.
  std::optional<double> compared(const Completion& completion, const reward::Reply& reply) const {
    const RolloutPrompt& prompt = *completion.prompt;
    const auto grader = prompt.columns.find("grader");
    if (prompt.expected.text.empty() && grader != prompt.columns.end())
      fail(ErrorCode::kInvalidData,
           "{} has no answer to compare with, and no reward plug-in with decides = true has the "
           "name {} that its column `grader` gives",
           prompt.id, grader->dump());
    return reward::grade_answer(reply, prompt.expected).score;
  }

  std::optional<int64_t> thinking_tokens(const reward::Reply& reply) const {
    if (options_.reasoning.min_tokens == 0) return std::nullopt;
    return static_cast<int64_t>(tokenizer_.encode_plain(reply.thinking).size());
  }

  TaskRewardOptions options_;
  const Tokenizer& tokenizer_;
  std::vector<PluginGrader> plugins_;
};

}  // namespace

std::unique_ptr<RewardFunction> task_reward(const TaskRewardOptions& options,
                                            const Tokenizer& tokenizer,
                                            const std::vector<RewardPlugin>& plugins) {
  return std::make_unique<TaskReward>(options, tokenizer, plugins);
}

}  // namespace stapes::train
