#include "eval/world_eval.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/fail.h"
#include "base/file.h"
#include "eval/eval_tasks.h"
#include "eval/score_report.h"

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
}

Request to_request(const world::Example& example, const WorldEvalOptions& options, bool thinking) {
  Request request;
  request.messages = {{"user", {ContentPart::of_audio(0), ContentPart::of_text(example.question)}}};
  request.clips = {example.clip.audio};
  request.sampling.temperature = 0;
  request.sampling.max_tokens = options.max_tokens;
  if (!thinking) request.sampling.think_budget = 0;
  return request;
}

void add_to_score(TaskScore& score, const world::Example& example, const Result& with_thinking,
                  const Result& without_thinking) {
  const std::string truth = normalized_answer(example.answer);
  score.with_thinking.add(normalized_answer(with_thinking.answer) == truth);
  score.without_thinking.add(normalized_answer(without_thinking.answer) == truth);
  score.thought_claims.add(normalized_answer(with_thinking.thinking) ==
                           normalized_answer(example.thinking));
}

}  // namespace

WorldEvalResult evaluate_world(const Generator& generator, const world::World& world,
                               const WorldEvalOptions& options, const EvalProgress& progress) {
  check_options(options);
  WorldEvalResult result{.tasks = {}, .options = options};
  const std::vector<world::Task> tasks = tasks_to_ask(options.tasks, world);
  const int64_t total = 2 * static_cast<int64_t>(tasks.size()) * options.examples_per_task;
  // Each example is asked twice, side by side in the batch.
  const int examples_per_batch = std::max(1, options.batch_size / 2);
  int64_t done = 0;
  for (const world::Task task : tasks) {
    TaskScore score;
    score.task = task;
    for (int begin = 0; begin < options.examples_per_task; begin += examples_per_batch) {
      const int end = std::min(begin + examples_per_batch, options.examples_per_task);
      std::vector<world::Example> examples;
      std::vector<Request> requests;
      for (int index = begin; index < end; ++index) {
        examples.push_back(
            world.example(task, world::Split::kTest, options.seed, static_cast<uint64_t>(index)));
        requests.push_back(to_request(examples.back(), options, /*thinking=*/true));
        requests.push_back(to_request(examples.back(), options, /*thinking=*/false));
      }
      const std::vector<Generation> answers = generator.generate_batch(requests);
      for (size_t i = 0; i < examples.size(); ++i)
        add_to_score(score, examples[i], answers[2 * i].result, answers[2 * i + 1].result);
      done += static_cast<int64_t>(requests.size());
      if (progress) progress(done, total);
    }
    result.tasks.push_back(score);
  }
  return result;
}

std::string to_table(const WorldEvalResult& result) {
  constexpr const char* kRow = "{:<14}  {:<24}  {:<24}  {}\n";
  std::string table =
      fmt::format(kRow, "task", "with thinking", "--think 0", "thought's claims correct");
  for (const TaskScore& score : result.tasks)
    table += fmt::format(kRow, world::name(score.task), cell(score.with_thinking),
                         cell(score.without_thinking), cell(score.thought_claims));
  table += fmt::format("{} examples per task, test split, seed {}, greedy; 95 % Wilson intervals\n",
                       result.options.examples_per_task, result.options.seed);
  return table;
}

std::string to_json(const WorldEvalResult& result) {
  nlohmann::ordered_json tasks = nlohmann::ordered_json::object();
  for (const TaskScore& score : result.tasks)
    tasks[world::name(score.task)] = {{"with_thinking", to_json(score.with_thinking)},
                                      {"without_thinking", to_json(score.without_thinking)},
                                      {"thought_claims", to_json(score.thought_claims)}};
  const nlohmann::ordered_json json = {{"examples_per_task", result.options.examples_per_task},
                                       {"seed", result.options.seed},
                                       {"max_tokens", result.options.max_tokens},
                                       {"split", "test"},
                                       {"temperature", 0},
                                       {"tasks", std::move(tasks)}};
  return json.dump(2) + "\n";
}

void write_json(const WorldEvalResult& result, const std::filesystem::path& path) {
  write_file_atomically(path, to_json(result));
}

}  // namespace stapes
