#include "train/mgrd/chain_filter.h"

#include <cstdlib>

#include "audio/measure/describe.h"
#include "base/fail.h"
#include "base/log.h"
#include "train/mgrd/chain.h"

namespace stapes::train {
namespace {

std::string key_in(const std::string& variable) {
  if (variable.empty()) return {};
  const char* value = std::getenv(variable.c_str());
  if (value == nullptr || *value == '\0')
    fail(ErrorCode::kUsage,
         "judge.key_variable: expected the judge's key in the environment variable {}, which is {}",
         variable, value == nullptr ? "not set" : "empty");
  return value;
}

}  // namespace

reward::Evidence evidence_of(const RolloutPrompt& prompt) {
  if (prompt.clips.size() != 1) return {};
  const AudioClip& clip = prompt.clips.front();
  if (prompt.truth) return {reward::facts_of(*prompt.truth, clip.seconds())};
  return {reward::facts_of(measure(clip))};
}

reward::GroundingInput grounding_input(const RolloutPrompt& prompt,
                                       const reward::Evidence& evidence, const Rollout& rollout,
                                       const Tokenizer& tokenizer) {
  const bool whole = rollout.stop == StopReason::kStop;
  reward::GroundingInput input{.question = question_text(prompt),
                               .reply = {.thinking = rollout.thinking,
                                         .answer = rollout.answer,
                                         .closed = rollout.thought_closed && whole},
                               .evidence = evidence,
                               .expected = prompt.expected};
  if (!whole) input.grade = reward::Grade{.score = 0, .found = {}, .reason = "the reply was cut"};
  input.thinking_tokens = static_cast<int64_t>(tokenizer.encode_plain(rollout.thinking).size());
  return input;
}

ChainFilter::ChainFilter(const MgrdRecipe& recipe, const Tokenizer& tokenizer,
                         const std::atomic<bool>* stop)
    : recipe_(recipe), tokenizer_(tokenizer), stop_(stop) {
  if (!recipe.judge.enabled()) return;
  reward::JudgeOptions options = recipe.judge.options;
  options.api_key = key_in(recipe.judge.key_variable);
  judge_ = std::make_unique<reward::Judge>(options);
}
ChainFilter::~ChainFilter() = default;

reward::GroundingReport ChainFilter::check(const RolloutPrompt& prompt,
                                           const reward::Evidence& evidence,
                                           const Rollout& rollout) {
  reward::GroundingInput input = grounding_input(prompt, evidence, rollout, tokenizer_);
  const reward::GroundingOptions options = recipe_.filter_for(prompt.task);
  reward::GroundingReport report = reward::check_grounding(input, options);
  if (judge_ == nullptr || !report.kept()) return report;
  input.judged = ask(prompt, rollout);
  return reward::check_grounding(input, options);
}

reward::JudgeVerdict ChainFilter::ask(const RolloutPrompt& prompt, const Rollout& rollout) {
  if (stop_ != nullptr && stop_->load())
    fail(ErrorCode::kCancelled, "stopped before the judge was asked about {}", prompt.id);
  if (failures_in_a_row_ >= recipe_.judge.give_up_after) {
    reward::JudgeVerdict none;
    none.reason = "the judge was given up";
    return none;
  }
  std::string sound;
  for (const AudioClip& clip : prompt.clips) sound += describe(measure(clip));
  reward::JudgeVerdict verdict = judge_->judge({.question = question_text(prompt),
                                                .thinking = rollout.thinking,
                                                .answer = rollout.answer,
                                                .about_the_sound = sound});
  failures_in_a_row_ = verdict.decided() || verdict.votes > 0 ? 0 : failures_in_a_row_ + 1;
  if (!verdict.decided() && failures_in_a_row_ == 1)
    spdlog::warn("the judge gave no verdict on a chain of {}: {}; such chains are {}", prompt.id,
                 verdict.reason,
                 recipe_.judge.on_failure == JudgeFailure::kKeep ? "kept" : "dropped");
  if (failures_in_a_row_ == recipe_.judge.give_up_after)
    spdlog::warn(
        "the judge gave no verdict {} times in a row and is not asked any more in this round; "
        "the chains that follow are {}",
        failures_in_a_row_, recipe_.judge.on_failure == JudgeFailure::kKeep ? "kept" : "dropped");
  return verdict;
}

}  // namespace stapes::train
