// Which questions a round asks.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <vector>

#include "train/mgrd_recipe.h"
#include "train/rl/rollouts.h"

namespace stapes::train {

// Indices of at most distill.questions questions with sound (of the recipe's tasks, where it names
// some), in the order in which they are asked. An endless source gives each round others; one with
// an end gives all of its own in each round. With a selection only those within its range.
// Kept in FOLDER/questions.json (and selection.json), and read from there when they are there.
// Throws kInvalidData (none are left), kCancelled, kIo, and as try_out.
std::vector<uint64_t> choose_questions(const MgrdRecipe& recipe, int round,
                                       const PromptSource& source, const RolloutEngine& engine,
                                       const std::filesystem::path& folder,
                                       const std::atomic<bool>* stop);

}  // namespace stapes::train
