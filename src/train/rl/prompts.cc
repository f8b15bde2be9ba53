#include "train/rl/prompts.h"

#include <algorithm>
#include <set>

#include "audio/audio_file.h"
#include "audio/log_mel.h"
#include "base/log.h"
#include "spec/audio_tokens.h"
#include "text/chat_format.h"
#include "train/data/jsonl_rows.h"
#include "world/text_twins.h"

namespace stapes::train {
namespace {

world::Split split_of(Phase phase) {
  return phase == Phase::kTraining ? world::Split::kTrain : world::Split::kTest;
}

RolloutPrompt text_prompt(const std::string& task, Phase phase, uint64_t seed, uint64_t number) {
  world::TextExample example = world::text_example(task, split_of(phase), seed, number);
  RolloutPrompt prompt;
  prompt.task = task;
  prompt.id = fmt::format("{}/{}", task, number);
  prompt.messages = {{"user", {ContentPart::of_text(example.question)}}};
  prompt.columns = {
      {"task", task}, {"answer", example.answer}, {"answer_kind", example.answer_kind}};
  if (!example.choices.empty()) prompt.columns["choices"] = example.choices;
  prompt.expected.kind = reward::answer_kind_by_name(example.answer_kind);
  prompt.expected.text = std::move(example.answer);
  prompt.expected.choices = std::move(example.choices);
  return prompt;
}

class WorldPrompts : public PromptSource {
 public:
  explicit WorldPrompts(const WorldPromptOptions& options)
      : options_(options),
        world_({.digits_folder = options.digits_folder,
                .max_digits = options.max_digits,
                .max_notes = options.max_notes,
                .paraphrase_share = options.paraphrase_share}) {
    for (const auto& name : options.tasks) {
      if (!world::is_text_task(name)) world::tasks_to_ask({world::task_by_name(name)}, world_);
      tasks_.push_back(name);
    }
    if (options.tasks.empty())
      for (const auto task : world::tasks_to_ask({}, world_)) tasks_.emplace_back(name(task));
  }

  RolloutPrompt get(Phase phase, uint64_t index) const override {
    const std::string& task = tasks_[index % tasks_.size()];
    const uint64_t number = index / tasks_.size();
    return world::is_text_task(task) ? text_prompt(task, phase, options_.seed, number)
                                     : clip_prompt(task, phase, number);
  }

  uint64_t count() const override { return 0; }
  std::vector<std::string> tasks() const override { return tasks_; }

  std::string fingerprint() const override {
    return fmt::format("world {} {}", options_.digits_folder.filename().string(),
                       fmt::join(tasks_, ","));
  }

 private:
  RolloutPrompt clip_prompt(const std::string& task, Phase phase, uint64_t number) const {
    world::Example example =
        world_.example(world::task_by_name(task), split_of(phase), options_.seed, number);
    RolloutPrompt prompt;
    prompt.task = task;
    prompt.id = fmt::format("{}/{}", task, number);
    prompt.messages = {
        {"user", {ContentPart::of_audio(0), ContentPart::of_text(example.question)}}};
    prompt.clips.push_back(std::move(example.clip.audio));
    prompt.expected.text = example.answer;
    prompt.columns = {{"task", prompt.task}, {"answer", example.answer}};
    prompt.truth = std::move(example.clip.truth);
    prompt.origin = {{"world",
                      {{"split", phase == Phase::kTraining ? "train" : "test"},
                       {"seed", options_.seed},
                       {"task", prompt.task},
                       {"index", number},
                       {"paraphrase_share", options_.paraphrase_share},
                       {"max_digits", options_.max_digits},
                       {"max_notes", options_.max_notes}}}};
    return prompt;
  }

  WorldPromptOptions options_;
  world::World world_;
  std::vector<std::string> tasks_;
};

class TextPrompts : public PromptSource {
 public:
  explicit TextPrompts(const TextPromptOptions& options)
      : seed_(options.seed), tasks_(options.tasks.empty() ? world::text_tasks() : options.tasks) {
    for (const auto& task : tasks_) world::require_text_task(task);
  }

  RolloutPrompt get(Phase phase, uint64_t index) const override {
    return text_prompt(tasks_[index % tasks_.size()], phase, seed_, index / tasks_.size());
  }
  uint64_t count() const override { return 0; }
  std::vector<std::string> tasks() const override { return tasks_; }
  std::string fingerprint() const override {
    return fmt::format("texts {}", fmt::join(tasks_, ","));
  }

 private:
  uint64_t seed_;
  std::vector<std::string> tasks_;
};

// The first of the columns that is there; a number or a truth value as JSON writes it.
std::string column_text(const nlohmann::json& columns, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const auto found = columns.find(name);
    if (found == columns.end() || found->is_null()) continue;
    return found->is_string() ? found->get<std::string>() : found->dump();
  }
  return {};
}

class JsonlPrompts : public PromptSource {
 public:
  JsonlPrompts(const std::filesystem::path& path, const Tokenizer& tokenizer,
               int64_t max_prompt_tokens)
      : file_(read_jsonl(path)) {
    std::set<std::string> tasks;
    for (JsonlRow& row : file_.rows) {
      if (row.messages.back().role == "assistant") row.messages.pop_back();
      if (row.messages.empty() || row.messages.back().role != "user")
        file_.reject(row.line, "the last message must be the user's");
      expected_of(row);  // or it says what is wrong
      tasks.insert(task_of(row));
    }
    tasks_.assign(tasks.begin(), tasks.end());
    const size_t all = file_.rows.size();
    std::erase_if(file_.rows, [&](const JsonlRow& row) {
      return count_prompt_tokens(row.messages, row.audio_samples, tokenizer) > max_prompt_tokens;
    });
    if (file_.rows.empty())
      fail(ErrorCode::kInvalidData, "{}: all prompts have more than {} tokens", path.string(),
           max_prompt_tokens);
    if (file_.rows.size() < all)
      spdlog::warn("{}: {} of {} prompts have more than {} tokens and are left out", path.string(),
                   all - file_.rows.size(), all, max_prompt_tokens);
    split_ = split_rows(file_);
  }

  RolloutPrompt get(Phase phase, uint64_t index) const override {
    const auto& rows = phase == Phase::kTraining ? split_.train : split_.test;
    const JsonlRow& row = file_.rows[rows[index % rows.size()]];
    RolloutPrompt prompt;
    prompt.id = fmt::format("{}:{}", file_.path.filename().string(), row.line);
    prompt.task = task_of(row);
    prompt.messages = row.messages;
    prompt.origin["audios"] = nlohmann::json::array();
    for (const auto& path : row.audios) {
      prompt.clips.push_back(load_audio_file(path));
      prompt.origin["audios"].push_back(std::filesystem::absolute(path).string());
    }
    prompt.expected = expected_of(row);
    prompt.columns = row.columns;
    return prompt;
  }

  uint64_t count() const override { return split_.train.size(); }
  uint64_t evaluation_count() const override { return split_.test.size(); }
  std::vector<std::string> tasks() const override { return tasks_; }
  std::string fingerprint() const override { return file_.fingerprint; }

 private:
  reward::ExpectedAnswer expected_of(const JsonlRow& row) const {
    reward::ExpectedAnswer expected;
    expected.text = column_text(row.columns, {"answer", "solution"});
    // A grader of the user's own may need no answer, only the tests of some code, say.
    if (expected.text.empty() && column_text(row.columns, {"grader"}).empty())
      file_.reject(row.line,
                   "expected a column `answer` or `solution` that says what is right, or `grader`, "
                   "the name of a reward plug-in that knows");
    try {
      if (row.columns.contains("choices"))
        expected.choices = row.columns.at("choices").get<std::vector<std::string>>();
      if (!expected.choices.empty()) expected.kind = reward::AnswerKind::kChoice;
      const std::string kind = column_text(row.columns, {"answer_kind"});
      if (!kind.empty()) expected.kind = reward::answer_kind_by_name(kind);
    } catch (const nlohmann::json::exception&) {
      file_.reject(row.line, "`choices` must be a list of strings");
    } catch (const Error& error) {
      file_.reject(row.line, "answer_kind: {}", error.what());
    }
    return expected;
  }
  static std::string task_of(const JsonlRow& row) {
    return column_text(row.columns, {"task", "data_source"});
  }

  JsonlFile file_;
  RowSplit split_;
  std::vector<std::string> tasks_;
};

}  // namespace

std::unique_ptr<PromptSource> world_prompts(const WorldPromptOptions& options) {
  return std::make_unique<WorldPrompts>(options);
}

std::unique_ptr<PromptSource> text_prompts(const TextPromptOptions& options) {
  return std::make_unique<TextPrompts>(options);
}

std::unique_ptr<PromptSource> jsonl_prompts(const std::filesystem::path& path,
                                            const Tokenizer& tokenizer, int64_t max_prompt_tokens) {
  return std::make_unique<JsonlPrompts>(path, tokenizer, max_prompt_tokens);
}

int64_t count_prompt_tokens(const std::vector<ChatMessage>& messages,
                            const std::vector<int64_t>& audio_samples, const Tokenizer& tokenizer) {
  std::vector<int64_t> per_audio;
  for (const int64_t samples : audio_samples)
    per_audio.push_back(audio_token_count(mel_frame_count(samples), AudioRule::kHuggingFace));
  return static_cast<int64_t>(build_prompt(tokenizer, messages, per_audio).ids.size());
}

}  // namespace stapes::train
