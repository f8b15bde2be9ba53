// Which of the world's tasks an evaluation asks.
#pragma once

#include <vector>

#include "world/world.h"

namespace stapes {

// The wanted ones in the world's order, or all that it can ask where none is named. Throws kUsage
// for a speech task and a world without recordings.
std::vector<world::Task> tasks_to_ask(const std::vector<world::Task>& wanted,
                                      const world::World& world);

}  // namespace stapes
