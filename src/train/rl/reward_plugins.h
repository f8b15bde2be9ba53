// Rewards of the user's own beside the task's: which replies they are about, and what their graders
// said.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reward/external_grader.h"
#include "train/rl/reward.h"

namespace stapes::train {

struct PluginVerdict {
  bool about = false;           // the plug-in has to do with this reply
  std::optional<double> score;  // 0 to 1; none: nobody could judge
};

class PluginGrader {
 public:
  // Throws kUsage (no URL), kIo (the cache folder, a file of the command that cannot be read).
  explicit PluginGrader(const RewardPlugin& plugin);

  const RewardPlugin& plugin() const { return plugin_; }
  std::string part() const { return "plugin/" + plugin_.name; }
  bool is_about(const RolloutPrompt& prompt) const;
  // One for each completion, in order. Where the plug-in decides about the accuracy, a reply that
  // was cut or whose thought does not end is wrong, and its grader is not asked.
  // Throws kInvalidData where the grader failed and on_failure is kStop.
  std::vector<PluginVerdict> grade(std::span<const Completion> completions);

 private:
  void note_failures(size_t failed, size_t all, const std::string& reason) const;

  RewardPlugin plugin_;
  std::unique_ptr<reward::ExternalGrader> grader_;
};

}  // namespace stapes::train
