// The other ways to ask a task's question.
#pragma once

#include <string>
#include <vector>

#include "world/world.h"

namespace stapes::world {

// At least four, all distinct from each other and from the canonical question.
const std::vector<std::string>& paraphrases(Task task);

}  // namespace stapes::world
