// Several answers to one prompt, as reinforcement learning and majority votes ask for them: against
// as many separate runs.
#pragma once

#include <cstdint>
#include <filesystem>

#include "stapes/options.h"

namespace stapes {

struct SamplePlan {
  int samples = 0;               // 0: not measured
  int64_t prompt_tokens = 1000;  // about
  int tokens = 256;              // of each answer, unless the model ends it
  int separate_runs = 2;         // whose mean stands for all of them
};

struct SampleResult {
  SamplePlan plan;
  int64_t prompt_tokens = 0;           // as the engine counts them
  int64_t prompt_tokens_computed = 0;  // for all samples together
  double together_tokens_per_s = 0;
  double separate_tokens_per_s = 0;
  double ratio() const { return together_tokens_per_s / separate_tokens_per_s; }
};

// Opens the model anew, with the engine's prefix cache off so that separate runs share nothing.
// Throws as Engine::open, and kUsage where the model's context is too short.
SampleResult run_samples(const std::filesystem::path& model, const EngineOptions& options,
                         const SamplePlan& plan);

}  // namespace stapes
