// The world as files: WAVs and a JSONL that trainers read.
#pragma once

#include <cstdint>
#include <filesystem>

#include "world/world.h"

namespace stapes::world {

// Writes `count` examples to FOLDER/{train,test}.jsonl and FOLDER/{train,test}/NNNNNN.wav. The
// tasks take turns; speech tasks only if the world has speech. One JSON object a line:
//   messages  user: "<audio>" and the question; assistant: "<think>\nTHINKING\n</think>\nANSWER"
//   audios    one path, relative to the folder
//   task, answer, truth
// Example i is World::example(task, split, seed, i). Makes the folder. Throws kUsage (count < 0),
// kIo.
void export_examples(const World& world, Split split, int count, uint64_t seed,
                     const std::filesystem::path& folder);

}  // namespace stapes::world
