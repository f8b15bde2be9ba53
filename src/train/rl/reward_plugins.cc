#include "train/rl/reward_plugins.h"

#include <array>
#include <filesystem>

#include "base/fail.h"
#include "base/log.h"
#include "text/chat_format.h"
#include "train/run/file_hash.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

std::string quoted(const std::string& argument) {
  std::string text = "'";
  for (const char c : argument) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

// For /bin/sh, which takes every argument as it is and leaves its place to the program.
std::string shell_command(const std::vector<std::string>& command) {
  std::string text = "exec";
  for (const std::string& argument : command) text += " " + quoted(argument);
  return text;
}

// A script that was changed gives other scores: what the cache holds of the old one is not used.
std::string hashes_of_files(const std::vector<std::string>& command) {
  std::string hashes;
  std::error_code ignored;
  for (const std::string& argument : command)
    if (fs::is_regular_file(argument, ignored)) hashes += "\n" + sha256_of_file(argument);
  return hashes;
}

std::unique_ptr<reward::ExternalGrader> make_grader(const RewardPlugin& plugin) {
  const reward::ExternalLimits limits{
      .batch_size = static_cast<size_t>(plugin.batch_size),
      .time = std::chrono::milliseconds(static_cast<int64_t>(plugin.timeout_s * 1000)),
      .parallel = static_cast<size_t>(plugin.parallel)};
  if (!plugin.url.empty()) return make_http_grader(plugin.url, limits, plugin.cache);
  return make_command_grader(shell_command(plugin.command), limits, plugin.cache,
                             plugin.cache.empty() ? "" : hashes_of_files(plugin.command));
}

// What the user asked last.
std::string question_of(const RolloutPrompt& prompt) {
  std::string text;
  for (const ContentPart& part : prompt.messages.back().parts)
    text += part.kind == ContentPart::Kind::kAudio ? "<audio>" : part.text;
  return text;
}

reward::GradeItem item_of(const Completion& completion) {
  reward::GradeItem item{.question = question_of(*completion.prompt),
                         .completion = completion.text,
                         .reply = {.thinking = completion.thinking,
                                   .answer = completion.answer,
                                   .closed = completion.thought_closed},
                         .row = completion.prompt->columns};
  if (completion.prompt->origin.contains("audios"))
    item.row["audios"] = completion.prompt->origin.at("audios");
  return item;
}

}  // namespace

PluginGrader::PluginGrader(const RewardPlugin& plugin)
    : plugin_(plugin), grader_(make_grader(plugin)) {}

bool PluginGrader::is_about(const RolloutPrompt& prompt) const {
  if (plugin_.all_rows) return true;
  for (const char* column : {"grader", "kind", "data_source"}) {
    const auto found = prompt.columns.find(column);
    if (found != prompt.columns.end() && found->is_string() && *found == plugin_.name) return true;
  }
  return false;
}

std::vector<PluginVerdict> PluginGrader::grade(std::span<const Completion> completions) {
  std::vector<PluginVerdict> verdicts(completions.size());
  std::vector<reward::GradeItem> items;
  std::vector<size_t> asked;
  for (size_t i = 0; i < completions.size(); ++i) {
    const Completion& completion = completions[i];
    verdicts[i].about = is_about(*completion.prompt);
    if (!verdicts[i].about) continue;
    if (plugin_.decides && (completion.stop == StopReason::kLength || !completion.thought_closed)) {
      verdicts[i].score = 0;
      continue;
    }
    items.push_back(item_of(completion));
    asked.push_back(i);
  }
  const std::vector<reward::ExternalGrade> grades = grader_->grade(items);
  size_t failed = 0;
  std::string reason;
  for (size_t i = 0; i < grades.size(); ++i) {
    verdicts[asked[i]].score = grades[i].score;
    const bool out_of_range = grades[i].score && !(*grades[i].score >= 0 && *grades[i].score <= 1);
    if (!grades[i].failed && !out_of_range) continue;
    ++failed;
    reason = out_of_range ? fmt::format("its score is {}, expected 0 to 1", grades[i].score.value())
                          : grades[i].reason;
    verdicts[asked[i]].score =
        plugin_.on_failure == PluginFailure::kZero ? std::optional(0.0) : std::nullopt;
  }
  if (failed > 0) note_failures(failed, grades.size(), reason);
  return verdicts;
}

void PluginGrader::note_failures(size_t failed, size_t all, const std::string& reason) const {
  if (plugin_.on_failure == PluginFailure::kStop)
    fail(ErrorCode::kInvalidData,
         "the reward plug-in \"{}\" gave no score for {} of {} replies: {}; with on_failure = "
         "\"zero\" they would count as 0, with \"skip\" they would be left out",
         plugin_.name, failed, all, reason);
  spdlog::warn("the reward plug-in \"{}\" gave no score for {} of {} replies: {}; they {}",
               plugin_.name, failed, all, reason,
               plugin_.on_failure == PluginFailure::kZero ? "count as 0" : "are left out");
}

}  // namespace stapes::train
