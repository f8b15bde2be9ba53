#include "base/log.h"
#include "base/rng.h"
#include "train/data/mixed_source.h"
#include "train/data/source.h"

namespace stapes::train {
namespace {

// Parts of a mixture draw their samples independently of each other.
uint64_t seed_of_part(uint64_t seed, size_t part) {
  return part == 0 ? seed : Rng(seed, 0x70617274 /* "part" */, part).next();
}

class RecipeSources {
 public:
  RecipeSources(const DataRecipe& recipe, const Tokenizer& tokenizer, int64_t mel_bands,
                Quarantine& quarantine)
      : recipe_(recipe), tokenizer_(tokenizer), mel_bands_(mel_bands), quarantine_(quarantine) {}

  std::unique_ptr<ExampleSource> world(const WorldRecipe& world, uint64_t seed) const {
    return world_source(world, seed, tokenizer_, mel_bands_, empty_thought());
  }
  std::unique_ptr<ExampleSource> text(const WorldRecipe& world, uint64_t seed) const {
    return text_source({.tasks = world.tasks,
                        .thinking_share = world.thinking_share,
                        .cut_thought_share = world.cut_thought_share,
                        .empty_thought = empty_thought()},
                       seed, tokenizer_);
  }
  std::unique_ptr<ExampleSource> jsonl(const std::filesystem::path& pattern, uint64_t seed) const {
    return jsonl_source(
        pattern, {.seed = seed, .empty_thought = empty_thought(), .max_tokens = recipe_.max_tokens},
        tokenizer_, mel_bands_, quarantine_);
  }

  std::unique_ptr<ExampleSource> of(const DataSourceRecipe& part, uint64_t seed) const {
    if (part.is_world) return world(part.world, seed);
    return part.is_text ? text(part.world, seed) : jsonl(part.jsonl, seed);
  }

 private:
  EmptyThought empty_thought() const {
    return recipe_.empty_think_loss ? EmptyThought::kInLoss : EmptyThought::kInPrompt;
  }

  const DataRecipe& recipe_;
  const Tokenizer& tokenizer_;
  int64_t mel_bands_;
  Quarantine& quarantine_;
};

}  // namespace

std::unique_ptr<ExampleSource> recipe_source(const DataRecipe& recipe, uint64_t seed,
                                             const Tokenizer& tokenizer, int64_t mel_bands,
                                             Quarantine& quarantine) {
  const RecipeSources sources(recipe, tokenizer, mel_bands, quarantine);
  std::unique_ptr<ExampleSource> source;
  if (!recipe.sources.empty()) {
    std::vector<WeightedSource> parts;
    for (const auto& part : recipe.sources) {
      const uint64_t part_seed = seed_of_part(seed, parts.size());
      parts.push_back({part.name, sources.of(part, part_seed), part.weight});
    }
    source = mixed_source(std::move(parts), seed);
  } else {
    source = recipe.jsonl.empty() ? sources.world(recipe, seed) : sources.jsonl(recipe.jsonl, seed);
  }
  if (!quarantine.lines().empty())
    spdlog::warn("{} bad lines are left out; the first is {}:{}: {}", quarantine.lines().size(),
                 quarantine.lines()[0].file.string(), quarantine.lines()[0].line,
                 quarantine.lines()[0].reason);
  return source;
}

}  // namespace stapes::train
