// For tests: a recipe of distillation from models/tiny that is done in some seconds.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <string>

namespace stapes::testing {

struct MgrdText {
  std::filesystem::path run_folder = "unused";
  int rounds = 1;
  int rl_iterations = 0;
  std::string data = "tasks = [\"count-notes\", \"loudness\"]\nmax_notes = 4\n";
  std::string distill = "questions = 6\nsamples = 3\nquestions_at_once = 2\n";
  int max_tokens = 80;
  std::string filter = {};
  std::string more = {};  // tables beyond those below
};

inline std::string mgrd_text(const MgrdText& t) {
  return fmt::format(
      "name = \"t\"\nrun_folder = \"{}\"\n[run]\nrounds = {}\n[model]\ninit = \"{}\"\n[data]\n{}"
      "[distill]\nmax_tokens = {}\nlive_sequences = 16\n{}[filter]\n{}"
      "[sft.optimizer]\nsteps = 4\nclips_per_step = 2\nlearning_rate = 1e-4\nwarmup_steps = 1\n"
      "[sft.logging]\nprint_every = 1\nevaluate_every = 4\nevaluation_clips = 2\n"
      "checkpoint_every = 2\n[rl.rollout]\nprompts = 2\nsamples = 2\nmax_tokens = 60\n"
      "live_sequences = 16\n[rl.critic]\nminibatches = 1\nwarmup_iterations = 1\n[rl.logging]\n"
      "evaluate_every = 2\nevaluation_prompts = 2\ncheckpoint_every = 1\n[rl.run]\n"
      "iterations = {}\n[evaluation]\nprompts = 6\nexamples = 2\n{}",
      t.run_folder.string(), t.rounds,
      (std::filesystem::path(STAPES_SOURCE_DIR) / "models" / "tiny").string(), t.data, t.max_tokens,
      t.distill, t.filter, t.rl_iterations, t.more);
}

}  // namespace stapes::testing
