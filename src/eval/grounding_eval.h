// Are the thoughts really about the sound? The same questions of the sound world with the clip,
// with silence, with another clip, with a transcript and with a tampered thought; how much of what
// the thoughts claim is true; and accuracy over the budget of thinking.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/generator.h"
#include "eval/budgets.h"
#include "eval/score.h"
#include "reward/grounding_report.h"
#include "reward/judge.h"
#include "world/world.h"

namespace stapes {

// What is asked: the tasks under their conditions, or whether the model hears, or both.
enum class GroundingPart : uint8_t { kAll, kTasks, kSelfCognition };
GroundingPart grounding_part_by_name(const std::string& name);  // "all", ...; throws kUsage

struct GroundingEvalOptions {
  GroundingPart part = GroundingPart::kAll;
  std::vector<world::Task> tasks = {};  // empty: world::tasks_to_ask()
  int examples_per_task = 100;
  uint64_t seed = 1;
  int max_tokens = 256;  // thinking included
  // Of the replies whether it hears. Greedily, a refusal that is one reply in ten never shows.
  double self_cognition_temperature = 0;
  int batch_size = 16;
  // Tokens of thinking after which the thought is closed; 0: an empty thought. The whole thought is
  // always measured, too.
  std::vector<int> budgets = {0, 8, 16, 32, 64};
  reward::GroundingOptions filter = {};
  // Asked about the thoughts that heard the clip; none: no judge.
  std::optional<reward::JudgeOptions> judge = std::nullopt;
  // One JSON object for each reply; empty: none.
  std::filesystem::path details = {};
};

// Replies whose thoughts have this many tokens, from `shortest` to `longest`.
struct LengthScore {
  int64_t shortest = 0, longest = 0;
  Score right;
};

struct TaskGrounding {
  world::Task task{};
  Score clip;        // right with the clip
  Score silence;     // right with 2 s of silence in its place: guessing, and knowing what is likely
  Score other_clip;  // with another clip, whose answer differs: right for that one
  Score stays;       // the same replies: right for the first one, which was not heard
  Score transcript;  // with what is said or played written down in place of the clip
  Score tamper_follows;  // of the thoughts that could be tampered with: the answer that follows
  Score tamper_stays;    // ... the answer of the clip
  // Of the thoughts that heard the clip.
  Score claims_true, claims_false, claims_uncheckable;  // of all claims
  Score thoughts_with_false_claims;
  Score surrogates;  // lean on text
  Score refusals;    // say that they cannot hear
  Score coherent;
  Score judged_grounded, judged_coherent;  // of those with a verdict
  int64_t without_verdict = 0;
  std::vector<BudgetScore> budgets;  // in rising order, the whole thought last
  std::vector<LengthScore> lengths;  // thoughts by length, in four parts of about equal size
  reward::GroundingFunnel funnel;
};

struct GroundingEvalResult {
  std::vector<TaskGrounding> tasks;
  // Held-out questions that tempt a model to deny that it hears, each with a clip: replies that do.
  Score self_cognition_errors;
  GroundingEvalOptions options;
};

using GroundingProgress = std::function<void(int64_t done, int64_t total)>;

// On Split::kTest; greedy, but for self_cognition_temperature. Throws kUsage (options out of range,
// a speech task for a world without recordings), kIo (details), as Generator::generate_batch and as
// Judge.
GroundingEvalResult evaluate_grounding(const Generator& generator, const world::World& world,
                                       const GroundingEvalOptions& options = {},
                                       const GroundingProgress& progress = {});

// Several tables with 95 % intervals, and what their columns mean.
std::string to_table(const GroundingEvalResult& result);
std::string to_json(const GroundingEvalResult& result);

// What stands in place of the clip: "Transcript: 3 7 1", "Notes: E4 G4 D4" or "Beats: x x x".
std::string transcript_of(const world::Truth& truth);

}  // namespace stapes
