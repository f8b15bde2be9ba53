#include "eval/world_eval.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/fail.h"
#include "reward/grade.h"
#include "world/text_twins.h"

namespace stapes {
namespace {

void check_options(const WorldEvalOptions& options) {
  if (options.examples_per_task < 1)
    fail(ErrorCode::kUsage, "expected at least 1 example per task, got {}",
         options.examples_per_task);
  if (options.batch_size < 1)
    fail(ErrorCode::kUsage, "expected a batch of at least 1 request, got {}", options.batch_size);
  if (options.max_tokens < 1)
    fail(ErrorCode::kUsage, "expected at least 1 generated token, got {}", options.max_tokens);
  empty_budget_scores(options.budgets);  // or it says which one is wrong
}

// One question, whatever it is about.
struct EvalQuestion {
  std::string part;  // of the task, for the task conflict
  Request request;   // with the whole thought
  reward::ExpectedAnswer expected;
  std::string thinking;
};

Request to_request(ChatMessage message, const WorldEvalOptions& options) {
  Request request;
  request.messages = {std::move(message)};
  request.sampling.temperature = 0;
  request.sampling.max_tokens = options.max_tokens;
  return request;
}

EvalQuestion clip_question(const world::World& world, world::Task task,
                           const WorldEvalOptions& options, uint64_t index) {
  world::Example example = world.example(task, world::Split::kTest, options.seed, index);
  EvalQuestion question;
  if (task == world::Task::kConflict)
    question.part = example.clip.truth.conflicts() ? "against" : "agree";
  question.request = to_request(
      {"user", {ContentPart::of_audio(0), ContentPart::of_text(example.question)}}, options);
  question.request.clips = {std::move(example.clip.audio)};
  question.expected = {.kind = reward::AnswerKind::kNormalized, .text = example.answer};
  question.thinking = std::move(example.thinking);
  return question;
}

EvalQuestion text_question(const std::string& task, const WorldEvalOptions& options,
                           uint64_t index) {
  world::TextExample example = world::text_example(task, world::Split::kTest, options.seed, index);
  EvalQuestion question;
  question.request = to_request({"user", {ContentPart::of_text(example.question)}}, options);
  question.expected = {.kind = reward::answer_kind_by_name(example.answer_kind),
                       .text = std::move(example.answer),
                       .choices = std::move(example.choices)};
  question.thinking = std::move(example.thinking);
  return question;
}

bool is_right(const Result& result, const reward::ExpectedAnswer& expected) {
  if (expected.kind == reward::AnswerKind::kNormalized)
    return normalized_answer(result.answer) == normalized_answer(expected.text);
  return reward::grade_answer({result.thinking, result.answer, result.thought_closed}, expected)
      .right();
}

// One row of the table for a task, and one for each of its parts.
class TaskScores {
 public:
  TaskScores(std::string task, const WorldEvalOptions& options)
      : task_(std::move(task)), options_(options) {
    row(task_);
    if (task_ != world::name(world::Task::kConflict)) return;
    row(task_ + "/agree");
    row(task_ + "/against");
  }

  // Of the question with the whole thought, with an empty one, and with each budget but 0.
  size_t requests_each() const { return 2 + asked_budgets().size(); }
  std::vector<int> asked_budgets() const {
    std::vector<int> budgets;
    for (const BudgetScore& score : rows_.front().budgets)
      if (score.budget && *score.budget > 0) budgets.push_back(*score.budget);
    return budgets;
  }

  std::vector<Request> requests(const EvalQuestion& question) const {
    std::vector<Request> requests(requests_each(), question.request);
    const std::vector<int> budgets = asked_budgets();
    requests[1].sampling.think_budget = 0;
    for (size_t i = 0; i < budgets.size(); ++i) requests[2 + i].sampling.think_budget = budgets[i];
    return requests;
  }

  // Results in the order of the requests.
  void add(const EvalQuestion& question, std::span<const Generation> results) {
    add_to(rows_.front(), question, results);
    if (!question.part.empty())
      add_to(*std::ranges::find(rows_, task_ + "/" + question.part, &TaskScore::task), question,
             results);
  }

  std::vector<TaskScore> rows() && { return std::move(rows_); }

 private:
  void row(std::string name) {
    rows_.push_back({.task = std::move(name),
                     .with_thinking = {},
                     .without_thinking = {},
                     .thought_claims = {},
                     .budgets = {}});
    if (!options_.budgets.empty()) rows_.back().budgets = empty_budget_scores(options_.budgets);
  }

  void add_to(TaskScore& score, const EvalQuestion& question,
              std::span<const Generation> results) const {
    const Result& whole = results[0].result;
    score.with_thinking.add(is_right(whole, question.expected));
    score.without_thinking.add(is_right(results[1].result, question.expected));
    score.thought_claims.add(normalized_answer(whole.thinking) ==
                             normalized_answer(question.thinking));
    size_t next = 2;
    for (const BudgetScore& budget : std::vector<BudgetScore>(score.budgets)) {
      const Result& result = !budget.budget        ? whole
                             : *budget.budget == 0 ? results[1].result
                                                   : results[next++].result;
      add_reply(score.budgets, budget.budget, is_right(result, question.expected),
                result.usage.thinking_tokens);
    }
  }

  std::string task_;
  const WorldEvalOptions& options_;
  std::vector<TaskScore> rows_;
};

// A task and how its questions are made.
struct AskedTask {
  std::string name;
  std::function<EvalQuestion(uint64_t index)> question;
};

std::vector<AskedTask> tasks_of(const world::World& world, const WorldEvalOptions& options) {
  std::vector<AskedTask> tasks;
  if (!options.tasks.empty() || options.text_tasks.empty())
    for (const world::Task task : world::tasks_to_ask(options.tasks, world))
      tasks.push_back({world::name(task), [&world, &options, task](uint64_t index) {
                         return clip_question(world, task, options, index);
                       }});
  const bool all = options.text && options.text_tasks.empty();
  for (const std::string& task : all ? world::text_tasks() : options.text_tasks)
    tasks.push_back(
        {task, [&options, task](uint64_t index) { return text_question(task, options, index); }});
  return tasks;
}

}  // namespace

WorldEvalResult evaluate_world(const Generator& generator, const world::World& world,
                               const WorldEvalOptions& options, const EvalProgress& progress) {
  check_options(options);
  WorldEvalResult result{.tasks = {}, .options = options};
  const std::vector<AskedTask> tasks = tasks_of(world, options);
  int64_t done = 0;
  for (const AskedTask& task : tasks) {
    TaskScores scores(task.name, options);
    const auto each = static_cast<int64_t>(scores.requests_each());
    const int64_t total = each * static_cast<int64_t>(tasks.size()) * options.examples_per_task;
    // All requests about one question stand side by side in the batch.
    const int per_batch = std::max(1, options.batch_size / static_cast<int>(each));
    for (int begin = 0; begin < options.examples_per_task; begin += per_batch) {
      const int end = std::min(begin + per_batch, options.examples_per_task);
      std::vector<EvalQuestion> questions;
      std::vector<Request> requests;
      for (int index = begin; index < end; ++index) {
        questions.push_back(task.question(static_cast<uint64_t>(index)));
        std::ranges::move(scores.requests(questions.back()), std::back_inserter(requests));
      }
      const std::vector<Generation> answers = generator.generate_batch(requests);
      for (size_t i = 0; i < questions.size(); ++i)
        scores.add(questions[i],
                   std::span(answers).subspan(i * scores.requests_each(), scores.requests_each()));
      done += static_cast<int64_t>(requests.size());
      if (progress) progress(done, total);
    }
    std::ranges::move(std::move(scores).rows(), std::back_inserter(result.tasks));
  }
  return result;
}

}  // namespace stapes
