// Text without sound: twins of the world's tasks, in which a clip is replaced by its symbols, and a
// little plain text. For a cold start on text, and for verified rewards on text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "world/world.h"

namespace stapes::world {

struct TextExample {
  std::string task;      // one of text_tasks()
  std::string question;  // "The text says: three, seven, one.\nWhat is the sum of the digits?"
  std::string thinking;  // "The text lists 3, 7 and 1. 3 + 7 = 10. 10 + 1 = 11."
  std::string answer;
  std::string answer_kind;           // "number", "choice", "exact" or "normalized" (reward/grade.h)
  std::vector<std::string> choices;  // of "choice"; the answer is one of them
};

// Names are stable: "text-sum" for the twin of "sum", and "arithmetic", "compare", "sort",
// "strings", "conversation". The twins come first, in the order of the tasks.
const std::vector<std::string>& text_tasks();
bool is_text_task(const std::string& name);
void require_text_task(const std::string& name);  // throws kUsage with the list
std::string twin_name(Task task);                 // "text-sum"

// A pure function of its arguments. No question of the one split is ever asked in the other.
// Throws kUsage (with the list) for a name that is none.
TextExample text_example(const std::string& task, Split split, uint64_t seed, uint64_t index);
// The tasks take turns.
TextExample text_example(Split split, uint64_t seed, uint64_t index);

// What the task is about, as symbols: "3" and "7", "E4" and "G4", "george" and "theo", "-12 dB"
// and "0 dB", and an "x" for each beat.
std::vector<std::string> symbols_of(Task task, const Truth& truth);

}  // namespace stapes::world
