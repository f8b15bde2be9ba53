#include "train/run/sft_samples.h"

#include <algorithm>

#include "audio/audio_file.h"
#include "audio/log_mel.h"
#include "base/log.h"
#include "spec/audio_tokens.h"
#include "text/chat_format.h"
#include "text/think_splitter.h"
#include "train/data/jsonl_rows.h"

namespace stapes::train {
namespace {

constexpr int kMostTokens = 256;

int most_tokens(const ModelConfig& config) {
  return static_cast<int>(std::min<int64_t>(kMostTokens, config.decoder.max_positions / 2));
}

std::vector<RolloutPrompt> world_samples(const Recipe& recipe) {
  WorldPromptOptions options{.digits_folder = recipe.data.digits_folder,
                             .paraphrase_share = recipe.data.paraphrase_share,
                             .seed = recipe.optimizer.seed};
  if (!recipe.data.curriculum.empty()) {
    options.max_digits = recipe.data.curriculum.back().max_digits;
    options.max_notes = recipe.data.curriculum.back().max_notes;
  }
  const auto source = world_prompts(options);
  std::vector<RolloutPrompt> prompts;
  for (int i = 0; i < recipe.logging.completions; ++i)
    prompts.push_back(source->get(Phase::kEvaluation, static_cast<uint64_t>(i)));
  return prompts;
}

// The row's own reply, without its thought.
std::string answer_of(const ChatMessage& reply) {
  std::string text;
  for (const ContentPart& part : reply.parts) text += part.text;
  return std::string(without_thinking(text));
}

RolloutPrompt prompt_of(const JsonlFile& file, const JsonlRow& row) {
  RolloutPrompt prompt;
  prompt.id = fmt::format("{}:{}", file.path.filename().string(), row.line);
  prompt.messages = row.messages;
  if (prompt.messages.back().role == "assistant") {
    prompt.expected.text = answer_of(prompt.messages.back());
    prompt.messages.pop_back();
  }
  for (const auto& path : row.audios) prompt.clips.push_back(load_audio_file(path));
  prompt.columns = row.columns;
  for (const char* name : {"answer", "solution"}) {
    const auto found = row.columns.find(name);
    if (found == row.columns.end() || found->is_null()) continue;
    prompt.expected.text = found->is_string() ? found->get<std::string>() : found->dump();
    break;
  }
  return prompt;
}

int64_t prompt_tokens(const RolloutPrompt& prompt, const JsonlRow& row,
                      const Tokenizer& tokenizer) {
  std::vector<int64_t> per_audio;
  for (const int64_t samples : row.audio_samples)
    per_audio.push_back(audio_token_count(mel_frame_count(samples), AudioRule::kHuggingFace));
  return static_cast<int64_t>(build_prompt(tokenizer, prompt.messages, per_audio).ids.size());
}

// Rows that are kept for evaluation, as far as they leave room for a reply.
std::vector<RolloutPrompt> jsonl_samples(const Recipe& recipe, const Tokenizer& tokenizer,
                                         int64_t most_prompt_tokens) {
  const JsonlFile file = read_jsonl(recipe.data.jsonl);
  std::vector<RolloutPrompt> prompts;
  for (const size_t index : split_rows(file).test) {
    if (prompts.size() == static_cast<size_t>(recipe.logging.completions)) break;
    RolloutPrompt prompt = prompt_of(file, file.rows[index]);
    if (prompt_tokens(prompt, file.rows[index], tokenizer) <= most_prompt_tokens)
      prompts.push_back(std::move(prompt));
  }
  if (prompts.empty())
    spdlog::warn("{}: no prompt of the evaluation is short enough for logging.completions_every",
                 file.path.string());
  return prompts;
}

}  // namespace

SftSamples::SftSamples(const Recipe& recipe, const ModelConfig& config, const ModelFiles& files,
                       const Parameters& parameters, int64_t steps_done)
    : max_tokens_(most_tokens(config)),
      engine_(config, files, parameters,
              {.threads = recipe.optimizer.threads,
               .live_sequences = recipe.logging.completions,
               .max_tokens = max_tokens_}),
      reward_(task_reward({}, engine_.tokenizer())),
      log_(recipe.run_folder, steps_done) {
  const bool world = recipe.data.jsonl.empty();
  prompts_ =
      world ? world_samples(recipe)
            : jsonl_samples(recipe, engine_.tokenizer(), engine_.context_tokens() - max_tokens_);
  for (const RolloutPrompt& prompt : prompts_)
    graded_.push_back(world || prompt.columns.contains("answer") ||
                      prompt.columns.contains("solution"));
}

void SftSamples::write(int64_t step, const Parameters& parameters) {
  if (prompts_.empty()) return;
  engine_.refresh(parameters);
  std::vector<Rollout> rollouts =
      engine_.generate(prompts_, {.samples = 1, .max_tokens = max_tokens_, .temperature = 0});
  for (Rollout& rollout : rollouts) {
    if (!graded_[rollout.prompt]) continue;
    const Completion completion = rollout.completion(prompts_[rollout.prompt]);
    rollout.reward = reward_->grade({&completion, 1}).front();
  }
  log_.write(step, prompts_, rollouts, /*count=*/0, /*seed=*/0);
}

}  // namespace stapes::train
