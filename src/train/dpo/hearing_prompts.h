// Questions that tempt a model to say that it cannot hear (reward/self_cognition.h), each about a
// clip: for preference pairs, and for the error rate while a run goes on.
#pragma once

#include <memory>

#include "train/rl/prompts.h"

namespace stapes::train {

// Clips of the sound world, in turns of speech (where there are recordings) and of melodies.
// Training and evaluation share neither questions nor clips. Of `options` the folder, the limits
// and the seed count. Throws as world::World.
std::unique_ptr<PromptSource> world_hearing_prompts(const WorldPromptOptions& options);

// The first clip of each row of JSON lines, whatever the row asks; rows without a clip are passed
// over. The column `audio` of a prompt is the file. Throws as read_jsonl, and kInvalidData where no
// row has a clip.
std::unique_ptr<PromptSource> jsonl_hearing_prompts(const std::filesystem::path& path,
                                                    uint64_t seed);

}  // namespace stapes::train
