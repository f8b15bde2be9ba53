#include "eval/eval_tasks.h"

#include <algorithm>

#include "base/fail.h"

namespace stapes {

std::vector<world::Task> tasks_to_ask(const std::vector<world::Task>& wanted,
                                      const world::World& world) {
  std::vector<world::Task> tasks;
  for (int i = 0; i < world::kTaskCount; ++i) {
    const auto task = static_cast<world::Task>(i);
    const bool possible = world.has_speech() || !world::is_speech_task(task);
    const bool asked = wanted.empty() || std::ranges::count(wanted, task) > 0;
    if (asked && possible) tasks.push_back(task);
    if (asked && !possible && !wanted.empty())
      fail(ErrorCode::kUsage, "the task {} needs recordings of spoken digits, and none were given",
           world::name(task));
  }
  return tasks;
}

}  // namespace stapes
