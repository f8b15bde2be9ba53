// Right answers over the budget of thinking: what eval-world and eval-grounding both report.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eval/score.h"

namespace stapes {

struct BudgetScore {
  std::optional<int>
      budget;  // tokens after which the thought is closed; nothing: the whole thought
  Score right;
  int64_t thinking_tokens = 0;  // of all replies together
};

// In rising order and each once, the whole thought last. Throws kUsage for a negative one.
std::vector<BudgetScore> empty_budget_scores(std::vector<int> budgets);
// The budget must be one of them.
void add_reply(std::vector<BudgetScore>& scores, std::optional<int> budget, bool right,
               int64_t thinking_tokens);

// One row for each name, with the same budgets in all; a heading and a line of budgets before them.
using NamedBudgets = std::pair<std::string, const std::vector<BudgetScore>*>;
std::string budget_table(const std::vector<NamedBudgets>& rows);
// [{"budget": 8, "right": {...}, "mean_thinking_tokens": 7.9}, ...]; null: the whole thought.
nlohmann::ordered_json to_json(const std::vector<BudgetScore>& scores);

}  // namespace stapes
