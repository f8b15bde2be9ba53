// Where training examples come from. get() is a pure function of the index: data order is only a
// matter of which indices are asked for, so a resumed run sees exactly what the interrupted one
// would have seen.
#pragma once

#include <memory>

#include "train/data/example.h"
#include "train/data/quarantine.h"
#include "train/recipe.h"

namespace stapes::train {

enum class Phase : uint8_t { kTraining, kEvaluation };

class ExampleSource {
 public:
  virtual ~ExampleSource() = default;
  // Thread-safe. `step` lets a curriculum choose the difficulty.
  virtual TrainingExample get(Phase phase, uint64_t index, int64_t step) const = 0;
  // How many rows get() has for the same arguments; cheaper where the spectrogram, or all of the
  // sound, is not needed to know it. Thread-safe.
  virtual int64_t rows(Phase phase, uint64_t index, int64_t step) const {
    return std::ssize(get(phase, index, step).ids);
  }
  // A text that changes when the data change: kept in checkpoints, compared on --resume.
  virtual std::string fingerprint() const = 0;
  // Samples that there are in all; 0: there is no end of them.
  virtual uint64_t count() const { return 0; }
};

// Clips made on the fly by the sound world.
std::unique_ptr<ExampleSource> world_source(const WorldRecipe& recipe, uint64_t seed,
                                            const Tokenizer& tokenizer, int64_t mel_bands,
                                            EmptyThought empty = EmptyThought::kInPrompt);

struct TextSourceOptions {
  std::vector<std::string> tasks = {};  // world::text_tasks(); empty: all; they take turns
  double thinking_share = 0.75;         // of the replies; the others answer directly
  double cut_thought_share = 0;         // of the thoughts: as WorldRecipe's
  EmptyThought empty_thought = EmptyThought::kInPrompt;
};
// Texts without sound, made on the fly (world/text_twins.h). Throws kUsage for an unknown task.
std::unique_ptr<ExampleSource> text_source(const TextSourceOptions& options, uint64_t seed,
                                           const Tokenizer& tokenizer);

struct JsonlSourceOptions {
  uint64_t seed = 1;
  EmptyThought empty_thought = EmptyThought::kInLoss;
  int64_t max_tokens = 0;      // longer samples are left out, and the log says how many; 0: none
  bool in_file_order = false;  // all rows as they stand, for looking at them
};
// JSON lines (jsonl_rows.h) of one file or of all that match a pattern; each is read from the disk
// when it is asked for. Every tenth line is kept for evaluation where there are at least 20.
// Validates every line and file first: what is wrong goes to the quarantine. Throws as JsonlShards.
std::unique_ptr<ExampleSource> jsonl_source(const std::filesystem::path& pattern,
                                            const JsonlSourceOptions& options,
                                            const Tokenizer& tokenizer, int64_t mel_bands,
                                            Quarantine& quarantine);

// What a recipe's [data] asks for: the world, JSON lines, or a mixture of several of them.
std::unique_ptr<ExampleSource> recipe_source(const DataRecipe& recipe, uint64_t seed,
                                             const Tokenizer& tokenizer, int64_t mel_bands,
                                             Quarantine& quarantine);

}  // namespace stapes::train
