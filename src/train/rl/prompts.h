// What the policy is asked, and what graders know about it.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "reward/grade.h"
#include "stapes/audio.h"
#include "stapes/chat.h"
#include "text/tokenizer.h"
#include "train/data/source.h"
#include "world/world.h"

namespace stapes::train {

struct RolloutPrompt {
  std::string id;                     // "sum/17", "data.jsonl:42"
  std::string task;                   // figures are also kept by task; may be empty
  std::vector<ChatMessage> messages;  // ends with the user's turn
  std::vector<AudioClip> clips;
  reward::ExpectedAnswer expected;    // what is right
  nlohmann::json columns;             // of the row, as an object
  std::optional<world::Truth> truth;  // of the only clip, where it is exactly known
  // Where the sounds come from, so that others can have them again: {"audios": [absolute paths]},
  // or {"world": {split, seed, task, index and the options of world::World}}.
  nlohmann::json origin = nlohmann::json::object();
  bool has_audio() const { return !clips.empty(); }
};

class PromptSource {
 public:
  virtual ~PromptSource() = default;
  // Thread-safe, a pure function of its arguments. For training `index` is below count() where
  // there is a count.
  virtual RolloutPrompt get(Phase phase, uint64_t index) const = 0;
  // Different prompts to train on, and to evaluate on; 0: there is no end of them.
  virtual uint64_t count() const = 0;
  virtual uint64_t evaluation_count() const { return 0; }
  virtual std::vector<std::string> tasks() const = 0;
  // As ExampleSource::fingerprint.
  virtual std::string fingerprint() const = 0;
};

struct WorldPromptOptions {
  std::filesystem::path digits_folder = {};  // empty: melodies only
  // Of the world, in turns; world::text_tasks() (no clip) may be among them. Empty: the first nine
  // of the world, as far as they are possible.
  std::vector<std::string> tasks = {};
  double paraphrase_share = 0.4;
  int max_digits = 4;
  int max_notes = 8;
  uint64_t seed = 1;
};
// Throws as world::World and task_by_name.
std::unique_ptr<PromptSource> world_prompts(const WorldPromptOptions& options);

struct TextPromptOptions {
  std::vector<std::string> tasks = {};  // world::text_tasks(), in turns; empty: all
  uint64_t seed = 1;
};
// Texts without sound: twins of the world's tasks, and plain text. Throws kUsage for other names.
std::unique_ptr<PromptSource> text_prompts(const TextPromptOptions& options);

// JSON lines as jsonl_rows.h reads them. A last assistant turn is taken off: it is not shown. The
// column `answer` (or `solution`) is what is right, `answer_kind` how it is compared
// (reward/grade.h; where it is missing "choice" if there are `choices`, else "normalized"), `task`
// (or `data_source`) the task's name; all columns go to the grader. Prompts of more than
// `max_prompt_tokens` are left out, and the log says how many. Throws as read_jsonl, and
// kInvalidData naming a line without an answer.
std::unique_ptr<PromptSource> jsonl_prompts(const std::filesystem::path& path,
                                            const Tokenizer& tokenizer, int64_t max_prompt_tokens);

// Rows that the messages take with clips of so many samples at 16 kHz, and the opened thought.
int64_t count_prompt_tokens(const std::vector<ChatMessage>& messages,
                            const std::vector<int64_t>& audio_samples, const Tokenizer& tokenizer);

}  // namespace stapes::train
