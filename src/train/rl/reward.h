// What a reply is worth: one interface for all graders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reward/reasoning.h"
#include "text/tokenizer.h"
#include "train/rl/prompts.h"

namespace stapes::train {

enum class StopReason : uint8_t { kStop, kLength };  // kLength: cut at the length limit

// The opening <think> belongs to the prompt, so it is not part of the text.
struct Completion {
  const RolloutPrompt* prompt = nullptr;
  std::span<const TokenId> ids;  // as they were sampled, the stop token included
  std::string text;              // of the ids but the stop token
  std::string thinking, answer;  // by the one splitter (text/think_splitter.h)
  bool thought_closed = false;
  StopReason stop = StopReason::kStop;
};

struct Reward {
  // What the policy is trained on. Nothing is not 0: it means that nobody could judge (a grader
  // that failed, an expected answer that cannot be read), and the reply is left out of training.
  std::optional<double> total;
  std::map<std::string, double> parts;  // each before its weight; none where there is no total
};

// The part that says whether the answer is right, 0 to 1. Every function has it: selection by
// pass@k and the evaluation read it.
inline constexpr const char* kAccuracyPart = "accuracy";

class RewardFunction {
 public:
  virtual ~RewardFunction() = default;
  // The keys of the Reward::parts, always the same ones. A part that says nothing about a reply may
  // be missing there (but "accuracy" never is): means are over the replies that have it.
  virtual std::vector<std::string> parts() const = 0;
  // One reward for each completion, in their order; finite or nothing. Called by one thread.
  virtual std::vector<Reward> grade(std::span<const Completion> completions) = 0;
  // What the function remembers from one call to the next; kept in checkpoints.
  virtual nlohmann::json state() const { return nlohmann::json::object(); }
  virtual void restore(const nlohmann::json& /*state*/) {}
};

struct TaskRewardOptions {
  // Prompts with sound: the paper's 0.8 and 0.2 (arXiv 2511.15848).
  double accuracy_weight = 0.8;
  double reasoning_weight = 0.2;
  double text_accuracy_weight = 1.0;  // prompts without sound; their reasoning earns nothing
  // What counts as reasoning. Its `min_tokens` are those of the thought's text.
  reward::ReasoningRule reasoning = {};
};

// What becomes of a reply for which a plug-in has no score: the run ends, it counts as 0, or it is
// left out of training.
enum class PluginFailure : uint8_t { kStop, kZero, kSkip };

// A grader of the user's own (reward/external_grader.h): a command or an HTTP endpoint.
struct RewardPlugin {
  std::string name;                  // its part is "plugin/NAME"
  std::vector<std::string> command;  // program and arguments, without a shell; or
  std::string url;
  // About all replies; else about those whose row names it in a column `grader`, `kind` or
  // `data_source`.
  bool all_rows = false;
  // Its score is the accuracy, in place of the comparison with the expected answer: for code, which
  // no comparison can judge. Else `weight` times its score is added to the total.
  bool decides = false;
  double weight = 1;
  double timeout_s = 60;  // of a batch
  int batch_size = 64;
  int parallel = 1;             // batches at the same time
  std::filesystem::path cache;  // folder; empty: none
  PluginFailure on_failure = PluginFailure::kStop;
};

// Parts: "accuracy" (reward/grade.h by what the prompt expects; a reply that was cut is wrong) and
// "reasoning" (1: present, reward/reasoning.h), and those of the plug-ins. No total where the
// expected answer cannot be read, and where a plug-in that the reply is about gave no score.
// Throws kUsage (a plug-in's URL), kIo (its cache); grade() throws kInvalidData where nothing can
// say what is right, and where a plug-in failed whose on_failure is kStop.
std::unique_ptr<RewardFunction> task_reward(const TaskRewardOptions& options,
                                            const Tokenizer& tokenizer,
                                            const std::vector<RewardPlugin>& plugins = {});

}  // namespace stapes::train
