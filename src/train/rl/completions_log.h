// Replies in full, for people and for grading again.
#pragma once

#include <filesystem>
#include <fstream>
#include <span>

#include "train/rl/health.h"

namespace stapes::train {

// RUN/completions.jsonl, one object a line: step, id, task, prompt (text; <audio> for a clip),
// text, tokens, ids, stop, answer (the right one), reward (null: nobody judged), parts.
class CompletionsLog {
 public:
  // Lines of a previous run after `steps_done` are dropped: a resumed run writes them again.
  CompletionsLog(const std::filesystem::path& run_folder, int64_t steps_done);
  // `count` of the replies, chosen by (seed, step); 0: all of them.
  void write(int64_t step, std::span<const RolloutPrompt> prompts,
             std::span<const Rollout> rollouts, int count, uint64_t seed);

 private:
  std::filesystem::path path_;
  std::ofstream out_;
};

// An iteration whose numbers are not finite, with all that went into it:
// RUN/bad-step-00000012.json.
std::filesystem::path save_bad_batch(const std::filesystem::path& run_folder, int64_t step,
                                     const Iteration& iteration);

}  // namespace stapes::train
