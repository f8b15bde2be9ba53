// How well a model does on the sound world: every task asked with thinking and with an empty
// thought; on texts without sound as well, and over budgets of thinking, where that is wanted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "engine/generator.h"
#include "eval/budgets.h"
#include "eval/score.h"
#include "world/world.h"

namespace stapes {

struct WorldEvalOptions {
  // Empty: the first tasks (world::tasks_to_ask()), or none where only text tasks are named.
  std::vector<world::Task> tasks;
  // Of world::text_tasks(). Empty: all of them if `text`, else none.
  std::vector<std::string> text_tasks;
  bool text = false;
  int examples_per_task = 200;
  uint64_t seed = 1;
  int max_tokens = 256;  // thinking included; the world's thoughts are shorter
  int batch_size = 16;   // requests that are generated together
  // Tokens of thinking after which the thought is closed; 0: an empty thought. None: not measured.
  std::vector<int> budgets;
};

struct TaskScore {
  // The task's name. The task conflict is followed by its two parts: "conflict/agree" (the words
  // go the way of the sound) and "conflict/against".
  std::string task;
  Score with_thinking;
  Score without_thinking;  // --think 0
  // Thoughts that say nothing but the truth and leave nothing out: equal, as answers are compared,
  // to the world's own reference thinking, which is a function of the clip's truth.
  Score thought_claims;
  std::vector<BudgetScore> budgets;  // empty where none is asked
};

struct WorldEvalResult {
  std::vector<TaskScore> tasks;
  WorldEvalOptions options;
};

// done of total requests have been answered. What it throws ends the evaluation.
using EvalProgress = std::function<void(int64_t done, int64_t total)>;

// Greedy, on Split::kTest. Throws kUsage (a speech task for a world without recordings, a text task
// of no known name, numbers out of range) and as Generator::generate_batch.
WorldEvalResult evaluate_world(const Generator& generator, const world::World& world,
                               const WorldEvalOptions& options = {},
                               const EvalProgress& progress = {});

// Aligned columns: task | with thinking | --think 0 | thought's claims correct; below them, where
// budgets are asked, accuracy over the budget.
std::string to_table(const WorldEvalResult& result);
std::string to_json(const WorldEvalResult& result);
// Atomically. Throws kIo.
void write_json(const WorldEvalResult& result, const std::filesystem::path& path);

}  // namespace stapes
