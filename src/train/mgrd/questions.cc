#include "train/mgrd/questions.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/fail.h"
#include "base/file.h"
#include "train/data/shuffle.h"
#include "train/mgrd/distill.h"
#include "train/rl/prompt_selection.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

json read_json(const fs::path& path) {
  try {
    return json::parse(read_file(path));
  } catch (const json::exception& error) {
    fail(ErrorCode::kInvalidData, "{} is not JSON: {}; remove it, and it is made again",
         path.string(), error.what());
  }
}

// The candidates of a round, before it is known which of them have sound.
std::vector<uint64_t> candidates(const MgrdRecipe& recipe, int round, const PromptSource& source) {
  const auto wanted = static_cast<uint64_t>(recipe.distill.questions);
  const uint64_t count = source.count() > 0 ? source.count() : wanted;
  const uint64_t first = source.count() > 0 ? 0 : static_cast<uint64_t>(round - 1) * wanted;
  std::vector<uint64_t> indices;
  for (uint64_t place = 0; place < count; ++place)
    indices.push_back(source.count() > 0 ? shuffled(place, count, recipe.seed) : first + place);
  return indices;
}

std::vector<uint64_t> selected(const MgrdRecipe& recipe, int round, const PromptSource& source,
                               const RolloutEngine& engine, const fs::path& folder,
                               const std::atomic<bool>* stop) {
  const SelectionRecipe& wanted = recipe.selection;
  const fs::path file = folder / "selection.json";
  Selection selection;
  if (fs::exists(file)) {
    try {
      selection = selection_of(read_json(file));
    } catch (const json::exception& error) {
      fail(ErrorCode::kInvalidData, "{} is no selection: {}", file.string(), error.what());
    }
  } else {
    const auto reward = task_reward({}, engine.tokenizer());
    const auto pool = static_cast<uint64_t>(wanted.pool);
    selection = choose_prompts(
        source, engine, *reward,
        {.pool = wanted.pool,
         .first = static_cast<uint64_t>(round - 1) * pool,
         .range = {.samples = wanted.samples, .lowest = wanted.lowest, .highest = wanted.highest},
         .max_tokens = recipe.distill.max_tokens,
         .prompts_at_once = recipe.distill.questions_at_once,
         .seed = stream_seed(recipe.seed, MgrdStream::kSelect, round),
         .stop = stop},
        file);
  }
  std::vector<uint64_t> indices;
  const size_t count = selection.kept.size();
  for (size_t place = 0; place < count; ++place)
    indices.push_back(selection.kept[shuffled(place, count, recipe.seed)]);
  return indices;
}

bool fits(const RolloutPrompt& prompt, const std::vector<std::string>& tasks) {
  if (!prompt.has_audio()) return false;
  return tasks.empty() || std::ranges::find(tasks, prompt.task) != tasks.end();
}

}  // namespace

std::vector<uint64_t> choose_questions(const MgrdRecipe& recipe, int round,
                                       const PromptSource& source, const RolloutEngine& engine,
                                       const fs::path& folder, const std::atomic<bool>* stop) {
  const fs::path file = folder / "questions.json";
  if (fs::exists(file)) {
    try {
      return read_json(file).at("questions").get<std::vector<uint64_t>>();
    } catch (const json::exception& error) {
      fail(ErrorCode::kInvalidData, "{} holds no questions: {}", file.string(), error.what());
    }
  }
  const std::vector<uint64_t> all = recipe.selection.pool > 0
                                        ? selected(recipe, round, source, engine, folder, stop)
                                        : candidates(recipe, round, source);
  const bool endless = source.count() == 0;  // the world: all have sound and are of its tasks
  std::vector<uint64_t> questions;
  for (const uint64_t index : all) {
    if (questions.size() == static_cast<size_t>(recipe.distill.questions)) break;
    if (endless || fits(source.get(Phase::kTraining, index), recipe.data.tasks))
      questions.push_back(index);
  }
  if (questions.empty())
    fail(ErrorCode::kInvalidData,
         "round {}: none of {} questions has a sound{}: nothing to distil from", round, all.size(),
         recipe.data.tasks.empty() ? "" : " and a task that data.tasks names");
  write_file_atomically(file, json{{"questions", questions}}.dump() + "\n");
  return questions;
}

}  // namespace stapes::train
