// The tables and the JSON of `stapes eval-world`.
#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "eval/score_report.h"
#include "eval/world_eval.h"

namespace stapes {

std::string to_table(const WorldEvalResult& result) {
  size_t widest = 14;
  for (const TaskScore& score : result.tasks) widest = std::max(widest, score.task.size());
  const auto row = [&](const std::string& task, const std::string& with, const std::string& without,
                       const std::string& claims) {
    return fmt::format("{:<{}}  {:<24}  {:<24}  {}\n", task, widest, with, without, claims);
  };
  std::string table = row("task", "with thinking", "--think 0", "thought's claims correct");
  std::vector<NamedBudgets> budgets;
  for (const TaskScore& score : result.tasks) {
    table += row(score.task, cell(score.with_thinking), cell(score.without_thinking),
                 cell(score.thought_claims));
    if (!score.budgets.empty()) budgets.emplace_back(score.task, &score.budgets);
  }
  return table + budget_table(budgets) +
         fmt::format("{} examples per task, test split, seed {}, greedy; 95 % Wilson intervals\n",
                     result.options.examples_per_task, result.options.seed);
}

std::string to_json(const WorldEvalResult& result) {
  nlohmann::ordered_json tasks = nlohmann::ordered_json::object();
  for (const TaskScore& score : result.tasks) {
    tasks[score.task] = {{"with_thinking", to_json(score.with_thinking)},
                         {"without_thinking", to_json(score.without_thinking)},
                         {"thought_claims", to_json(score.thought_claims)}};
    if (!score.budgets.empty()) tasks[score.task]["budgets"] = to_json(score.budgets);
  }
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
