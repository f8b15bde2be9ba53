// The flags that name a model, and how it is run and sampled.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "stapes/options.h"

namespace stapes::cli {

// --model MODEL (a folder or a GGUF file), or $STAPES_MODEL, or the small model of this source tree
// or installation.
class ModelFlag {
 public:
  // positional: MODEL may also stand without --model.
  void add_to(CLI::App& app, bool positional = false);
  // Throws kNotFound where no model was named and none stands beside the program.
  std::filesystem::path path() const;

 private:
  std::string named_;
};

// --threads, --audio-rule, --max-context, --kv, --kv-tokens.
class EngineFlags {
 public:
  void add_to(CLI::App& app);
  const EngineOptions& options() const { return options_; }

 private:
  EngineOptions options_;
};

// --temperature, --top-p, ...: only what was named replaces the model's own values.
class SamplingFlags {
 public:
  void add_to(CLI::App& app);
  SamplingOptions over(SamplingOptions options) const;

 private:
  std::optional<double> temperature_;
  std::optional<double> top_p_;
  std::optional<int> top_k_;
  std::optional<double> min_p_;
  std::optional<double> repetition_penalty_;
  std::optional<uint64_t> seed_;
  std::optional<int> max_tokens_;
  std::optional<int> think_budget_;
  std::optional<int> speculate_tokens_;
  std::vector<std::string> stop_;
};

}  // namespace stapes::cli
