#include "bench/sample_run.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "engine/loaded_model.h"
#include "spec/model_source.h"
#include "stapes/engine.h"

namespace stapes {
namespace {

// A text of about so many tokens. What it says does not matter.
std::string text_of(const std::filesystem::path& model, int64_t tokens) {
  const Tokenizer tokenizer = load_tokenizer(ModelSource::open(model));
  std::string text;
  for (int64_t number = 0; static_cast<int64_t>(tokenizer.encode(text).size()) < tokens;) {
    for (int i = 0; i < 50; ++i) text += std::to_string(number++ * 7919 % 1000) + " ";
  }
  return text;
}

struct Run {
  double seconds = 0;
  int64_t generated_tokens = 0;
  int64_t prompt_tokens = 0;
};

Run run(const Engine& engine, Request request) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  AnswerStream stream = engine.submit(std::move(request));
  Run run;
  for (const Result& result : stream.results()) {
    run.generated_tokens += result.usage.thinking_tokens + result.usage.answer_tokens;
    run.prompt_tokens = result.usage.prompt_tokens;
  }
  run.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return run;
}

double tokens_per_s(const Run& run) {
  return static_cast<double>(run.generated_tokens) / run.seconds;
}

}  // namespace

SampleResult run_samples(const std::filesystem::path& model, const EngineOptions& options,
                         const SamplePlan& plan) {
  EngineOptions engine_options = options;
  engine_options.prefix_cache = false;
  const Engine engine = Engine::open(model, engine_options);
  Request request;
  request.messages = {{"user", {ContentPart::of_text(text_of(model, plan.prompt_tokens))}}};
  request.sampling.temperature = 1;
  request.sampling.max_tokens = 1;
  run(engine, request);  // touches every weight

  request.sampling.max_tokens = plan.tokens;
  SampleResult result{.plan = plan};
  const int64_t computed_before = engine.counters().prompt_tokens_computed;
  request.samples = plan.samples;
  const Run together = run(engine, request);
  result.prompt_tokens = together.prompt_tokens;
  result.prompt_tokens_computed = engine.counters().prompt_tokens_computed - computed_before;
  result.together_tokens_per_s = tokens_per_s(together);

  request.samples = 1;
  Run separate;
  for (int i = 0; i < plan.separate_runs; ++i) {
    request.sampling.sequence = static_cast<uint64_t>(i);
    const Run one = run(engine, request);
    separate.seconds += one.seconds;
    separate.generated_tokens += one.generated_tokens;
  }
  result.separate_tokens_per_s = tokens_per_s(separate);
  return result;
}

}  // namespace stapes
