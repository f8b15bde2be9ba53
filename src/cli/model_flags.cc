#include "cli/model_flags.h"

#include <map>
#include <system_error>

#include "base/fail.h"

namespace stapes::cli {
namespace fs = std::filesystem;
namespace {

constexpr const char* kModelHelp =
    "Model folder in the Hugging Face layout, or a .gguf file that `stapes quantize` wrote; "
    "without it the small model that comes with stapes";

// Where the program may stand: build/bin, build/PRESET/bin, or an installation's bin.
constexpr const char* kModelsBesideProgram[] = {"../../models/tiny", "../../../models/tiny",
                                                "../share/stapes/models/tiny"};

template <typename Value>
void replace_if_named(Value& value, const std::optional<Value>& named) {
  if (named) value = *named;
}

}  // namespace

void ModelFlag::add_to(CLI::App& app, bool positional) {
  app.add_option(positional ? "--model,MODEL" : "--model", named_, kModelHelp)
      ->type_name(positional ? "" : "MODEL")
      ->envname("STAPES_MODEL");
}

fs::path ModelFlag::path() const {
  if (!named_.empty()) return named_;
  std::error_code error;
  const fs::path program_folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  for (const char* candidate : kModelsBesideProgram) {
    const fs::path folder = (program_folder / candidate).lexically_normal();
    if (fs::exists(folder / "config.json", error)) return folder;
  }
  fail(ErrorCode::kNotFound,
       "expected --model MODEL or STAPES_MODEL: no model was named, and there is no {} beside {}",
       kModelsBesideProgram[0], program_folder.string());
}

void add_kv_flag(CLI::App& app, KvPrecision& precision) {
  const std::map<std::string, KvPrecision> precisions = {
      {"f32", KvPrecision::kF32}, {"bf16", KvPrecision::kBf16}, {"int8", KvPrecision::kInt8}};
  app.add_option("--kv", precision, "How keys and values are stored: f32, bf16 or int8")
      ->type_name("TYPE")
      ->transform(CLI::CheckedTransformer(precisions).description(""));
}

void EngineFlags::add_to(CLI::App& app) {
  const std::map<std::string, AudioRule> rules = {{"hf", AudioRule::kHuggingFace},
                                                  {"vllm", AudioRule::kVllm}};
  app.add_option("--threads", options_.threads, "Threads to compute with; 0: one for each core it may use")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber.description(""));
  app.add_option("--audio-rule", options_.audio_rule,
                 "How many tokens a clip takes: hf (as trained) or vllm (the official server)")
      ->type_name("RULE")
      ->transform(CLI::CheckedTransformer(rules).description(""));
  app.add_option("--max-context", options_.max_context_tokens,
                 "Longest prompt and answer together, in tokens; 0: what the model allows")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber.description(""));
  add_kv_flag(app, options_.kv_dtype);
  app.add_option("--kv-tokens", options_.max_kv_tokens,
                 "Tokens whose keys and values are kept; 0: what the memory allows")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber.description(""));
}

void SamplingFlags::add_to(CLI::App& app) {
  app.add_option("--temperature", temperature_, "0: always the most likely token")->type_name("X");
  app.add_option("--top-p", top_p_, "Sample from the most likely tokens of this total probability")
      ->type_name("P");
  app.add_option("--top-k", top_k_, "Sample from this many tokens; 0: all")->type_name("N");
  app.add_option("--min-p", min_p_, "Drop tokens below this share of the most likely one")
      ->type_name("P");
  app.add_option("--repetition-penalty", repetition_penalty_, "1: none")->type_name("X");
  app.add_option("--seed", seed_, "The same seed gives the same answer")->type_name("N");
  app.add_option("--max-tokens", max_tokens_, "Generated tokens, thinking included")
      ->type_name("N");
  app.add_option("--think", think_budget_,
                 "After this many tokens the thought is closed and the answer begins; 0: none")
      ->type_name("N");
  app.add_option("--speculate", speculate_tokens_,
                 "Guess up to this many tokens (16 at most) from what was said before: the same "
                 "answer, often sooner; 0: none")
      ->type_name("N");
  app.add_option("--stop", stop_, "End the answer before this text (may be given again)")
      ->type_name("TEXT")
      ->allow_extra_args(false);
}

SamplingOptions SamplingFlags::over(SamplingOptions options) const {
  replace_if_named(options.temperature, temperature_);
  replace_if_named(options.top_p, top_p_);
  replace_if_named(options.top_k, top_k_);
  replace_if_named(options.min_p, min_p_);
  replace_if_named(options.repetition_penalty, repetition_penalty_);
  replace_if_named(options.seed, seed_);
  replace_if_named(options.max_tokens, max_tokens_);
  replace_if_named(options.speculate_tokens, speculate_tokens_);
  if (think_budget_) options.think_budget = think_budget_;
  options.stop.insert(options.stop.end(), stop_.begin(), stop_.end());
  return options;
}

}  // namespace stapes::cli
