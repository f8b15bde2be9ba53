// Where training examples come from. get() is a pure function of the index: data order is only a
// matter of which indices are asked for, so a resumed run sees exactly what the interrupted one
// would have seen.
#pragma once

#include <memory>

#include "train/data/example.h"
#include "train/recipe.h"

namespace stapes::train {

enum class Phase : uint8_t { kTraining, kEvaluation };

class ExampleSource {
 public:
  virtual ~ExampleSource() = default;
  // Thread-safe. `step` lets a curriculum choose the difficulty.
  virtual TrainingExample get(Phase phase, uint64_t index, int64_t step) const = 0;
  // A text that changes when the data change: kept in checkpoints, compared on --resume.
  virtual std::string fingerprint() const = 0;
};

// Clips made on the fly by the sound world.
std::unique_ptr<ExampleSource> world_source(const DataRecipe& recipe, uint64_t seed,
                                            const Tokenizer& tokenizer, int64_t mel_bands);
struct TextSourceOptions {
  std::vector<std::string> tasks = {};  // world::text_tasks(); empty: all; they take turns
  double thinking_share = 0.75;         // of the replies; the others answer directly
};
// Texts without sound, made on the fly (world/text_twins.h). Throws kUsage for an unknown task.
std::unique_ptr<ExampleSource> text_source(const TextSourceOptions& options, uint64_t seed,
                                           const Tokenizer& tokenizer);
// JSON lines with `messages` and `audios` (one <audio> tag per file; paths relative to the JSONL
// file). Every tenth line is kept for evaluation where there are at least 20. Validates every line
// and file first; throws kInvalidData naming the line and what is wrong with it.
std::unique_ptr<ExampleSource> jsonl_source(const std::filesystem::path& path, uint64_t seed,
                                            const Tokenizer& tokenizer, int64_t mel_bands);

}  // namespace stapes::train
