#include "eval/budgets.h"

#include <algorithm>

#include "base/check.h"
#include "base/fail.h"
#include "eval/score_report.h"

namespace stapes {

std::vector<BudgetScore> empty_budget_scores(std::vector<int> budgets) {
  std::ranges::sort(budgets);
  budgets.erase(std::ranges::unique(budgets).begin(), budgets.end());
  if (!budgets.empty() && budgets.front() < 0)
    fail(ErrorCode::kUsage, "expected at least 0 thinking tokens as a budget, got {}",
         budgets.front());
  std::vector<BudgetScore> scores;
  for (const int budget : budgets)
    scores.push_back({.budget = budget, .right = {}, .thinking_tokens = 0});
  scores.push_back({.budget = std::nullopt, .right = {}, .thinking_tokens = 0});
  return scores;
}

void add_reply(std::vector<BudgetScore>& scores, std::optional<int> budget, bool right,
               int64_t thinking_tokens) {
  const auto found = std::ranges::find(scores, budget, &BudgetScore::budget);
  STAPES_CHECK(found != scores.end(), "no budget {}", budget.value_or(-1));
  found->right.add(right);
  found->thinking_tokens += thinking_tokens;
}

std::string budget_table(const std::vector<NamedBudgets>& rows) {
  if (rows.empty()) return {};
  std::string table = "\nRight answers over the budget of thinking (tokens)\n";
  table += fmt::format("{:<16}", "task");
  for (const BudgetScore& score : *rows.front().second)
    table += score.budget ? fmt::format("  {:<23}", *score.budget) : std::string("  no limit");
  table += '\n';
  for (const auto& [name, scores] : rows) {
    table += fmt::format("{:<16}", name);
    for (const BudgetScore& score : *scores) table += "  " + cell(score.right);
    table += '\n';
  }
  return table;
}

nlohmann::ordered_json to_json(const std::vector<BudgetScore>& scores) {
  auto json = nlohmann::ordered_json::array();
  for (const BudgetScore& score : scores) {
    nlohmann::ordered_json item = {{"budget", nullptr}, {"right", to_json(score.right)}};
    if (score.budget) item["budget"] = *score.budget;
    item["mean_thinking_tokens"] = static_cast<double>(score.thinking_tokens) /
                                   static_cast<double>(std::max<int64_t>(1, score.right.total));
    json.push_back(std::move(item));
  }
  return json;
}

}  // namespace stapes
