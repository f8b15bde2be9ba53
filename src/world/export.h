// The world as files: WAVs and a JSONL that trainers read.
#pragma once

#include <cstdint>
#include <filesystem>

#include "world/world.h"

namespace stapes::world {

// Writes `count` examples to FOLDER/{train,test}.jsonl and FOLDER/{train,test}/NNNNNN.wav. The
// tasks_to_ask(tasks, world) take turns. One JSON object a line:
//   messages  user: "<audio>" and the question; assistant: "<think>\nTHINKING\n</think>\nANSWER"
//   audios    one path, relative to the folder
//   task, answer, truth
// Example i is World::example(task, split, seed, i). Makes the folder. Throws kUsage (count < 0),
// a speech task for a world without recordings), kIo.
void export_examples(const World& world, Split split, int count, uint64_t seed,
                     const std::filesystem::path& folder, const std::vector<Task>& tasks = {});

// Writes `count` texts without sound to FOLDER/{train,test}-text.jsonl, which train and reinforce
// as they are: messages, task, answer, answer_kind, and choices where there are some. The
// text_tasks() take turns, or the named ones. Throws as export_examples.
void export_texts(Split split, int count, uint64_t seed, const std::filesystem::path& folder,
                  const std::vector<std::string>& tasks = {});

}  // namespace stapes::world
