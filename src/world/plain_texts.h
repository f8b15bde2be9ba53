// Text tasks that are no twins: calculations, comparisons, sorting, letters, and a little talk.
#pragma once

#include <span>

#include "base/rng.h"
#include "world/text_twins.h"

namespace stapes::world {

struct PlainTextTask {
  const char* name;
  TextExample (*make)(Rng& rng);  // all but TextExample::task
};
std::span<const PlainTextTask> plain_text_tasks();

}  // namespace stapes::world
