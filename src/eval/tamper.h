// A thought with one heard thing changed: does the answer follow the thought, or what is heard?
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "world/world.h"

namespace stapes {

struct TamperedThought {
  std::string prefix;  // of the thought, up to and with the changed word; the model goes on from it
  std::string expected;  // the answer that follows from it
};

// Changes one true claim of a thought (a digit, a note, a speaker, the course of the loudness, or
// the final count) so that another answer follows; `seed` chooses where. What comes before it in
// the thought must be true. Nothing where the thought has no such claim.
std::optional<TamperedThought> tamper_thought(const std::string& thinking, world::Task task,
                                              const world::Truth& truth, uint64_t seed);

}  // namespace stapes
