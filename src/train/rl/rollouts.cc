#include "train/rl/rollouts.h"

#include <algorithm>
#include <cmath>

#include "base/available_memory.h"
#include "base/check.h"
#include "base/fail.h"
#include "train/rl/rollout_exchange.h"

namespace stapes::train {
namespace {

// Enough for all that live together, as far as half of the free memory goes: pages are set aside
// for the longest possible replies, and taken only as they are written.
int64_t kv_tokens(const ModelConfig& config, const RolloutEngineOptions& options) {
  if (options.kv_tokens > 0) return options.kv_tokens;
  constexpr int64_t kPromptTokens = 256;
  const KvLayout layout = layout_of(config.decoder, KvPrecision::kF32);
  const int64_t free = available_memory_bytes() / 2 / (layout.page_bytes() / layout.page_tokens);
  const int64_t longest = std::min(kPromptTokens + options.max_tokens,
                                   config.decoder.max_positions + layout.page_tokens);
  return std::max(std::min(options.live_sequences * longest, free), longest);
}

EngineOptions engine_options(const ModelConfig& config, const RolloutEngineOptions& options) {
  EngineOptions engine;
  engine.threads = options.threads;
  engine.kv_dtype = KvPrecision::kF32;
  engine.max_kv_tokens = kv_tokens(config, options);
  engine.max_live_sequences = options.live_sequences;
  // Weights change between the iterations: nothing computed with the old ones may be found again.
  engine.prefix_cache = false;
  engine.clip_cache_bytes = 0;
  return engine;
}

ModelTensors views_of(const Parameters& parameters) {
  std::map<std::string, TensorView> views;
  for (const auto& name : parameters.names()) views.emplace(name, view_of(parameters[name]));
  return ModelTensors::of(std::move(views), "the policy",
                          std::make_shared<const Parameters>(parameters));
}

Rollout rollout_of(size_t prompt, Generation generation, const Tokenizer& tokenizer) {
  Rollout rollout;
  rollout.prompt = prompt;
  const bool stopped = generation.result.finish == FinishReason::kStop;
  rollout.stop = stopped ? StopReason::kStop : StopReason::kLength;
  std::span<const TokenId> said = generation.ids;
  if (stopped) said = said.first(said.size() - 1);
  rollout.text = tokenizer.decode(said);
  rollout.thinking = std::move(generation.result.thinking);
  rollout.answer = std::move(generation.result.answer);
  rollout.thought_closed = generation.result.thought_closed;
  rollout.ids = std::move(generation.ids);
  rollout.logprobs = std::move(generation.logprobs);
  STAPES_CHECK(!rollout.ids.empty() && rollout.logprobs.size() == rollout.ids.size());
  return rollout;
}

void check_reward(const Reward& reward, const RolloutPrompt& prompt,
                  const std::vector<std::string>& parts) {
  if (!reward.total) return;
  if (!std::isfinite(*reward.total))
    fail(ErrorCode::kInvalidData, "the reward of a reply to {} is {}, expected a finite number",
         prompt.id, *reward.total);
  if (!reward.parts.contains(kAccuracyPart))
    fail(ErrorCode::kInvalidData, "the reward of a reply to {} has no part \"{}\"", prompt.id,
         kAccuracyPart);
  for (const auto& [part, value] : reward.parts)
    if (std::ranges::find(parts, part) == parts.end() || !std::isfinite(value))
      fail(ErrorCode::kInvalidData,
           "the reward of a reply to {} has the part \"{}\" = {}, expected finite numbers for {}",
           prompt.id, part, value, fmt::join(parts, ", "));
}

// Every rank's part of the replies, in order of prompts. A rank that was asked to stop says so, and
// then all stop.
std::vector<Rollout> all_parts(std::span<const Rollout> own, bool cancelled, const Ranks& ranks) {
  std::vector<Rollout> all;
  bool any_cancelled = false;
  for (const std::string& part : ranks.gather(cancelled ? "" : packed(own), "rollouts")) {
    any_cancelled |= part.empty();
    if (part.empty()) continue;
    std::vector<Rollout> rollouts = unpacked_rollouts(part);
    std::ranges::move(rollouts, std::back_inserter(all));
  }
  if (any_cancelled) fail(ErrorCode::kCancelled, "a rank was asked to stop");
  std::ranges::stable_sort(all, {}, &Rollout::prompt);
  return all;
}

std::vector<Reward> rewards_by_leader(std::span<const Completion> completions,
                                      RewardFunction& reward, const Ranks& ranks) {
  if (ranks.alone()) return reward.grade(completions);
  const std::string bytes = ranks.leads() ? packed(reward.grade(completions)) : "";
  return unpacked_rewards(ranks.gather(bytes, "rewards").front());
}

}  // namespace

Completion Rollout::completion(const RolloutPrompt& of_prompt) const {
  return {.prompt = &of_prompt,
          .ids = ids,
          .text = text,
          .thinking = thinking,
          .answer = answer,
          .thought_closed = thought_closed,
          .stop = stop};
}

RolloutEngine::RolloutEngine(const ModelConfig& config, const ModelFiles& files,
                             const Parameters& policy, const RolloutEngineOptions& options)
    : weights_(policy) {
  for (const auto& name : weights_.names())
    // On the CPU the same memory, but where LoRA makes a weight another one.
    weights_.at(name) = policy.effective(name).detach().cpu().contiguous();
  const EngineOptions engine = engine_options(config, options);
  ModelInMemory model{.config = config,
                      .tensors = views_of(weights_),
                      .tokenizer_json = files.tokenizer_json,
                      .generation_config_json = files.generation_config_json,
                      .where = "the policy"};
  generator_.emplace(
      Generator::of(load_model(std::move(model), engine, make_ops(options.threads)), engine));
}

void RolloutEngine::refresh(const Parameters& policy) {
  const torch::NoGradGuard no_grad;
  for (const auto& name : weights_.names()) {
    torch::Tensor& ours = weights_.at(name);
    if (ours.data_ptr() != policy[name].data_ptr()) ours.copy_(policy.effective(name));
  }
}

std::vector<Rollout> RolloutEngine::generate(std::span<const RolloutPrompt> prompts,
                                             const RolloutOptions& options) const {
  const bool shared = options.ranks != nullptr && !options.ranks->alone();
  std::vector<Request> requests;
  std::vector<size_t> asked;  // which prompt each request is about
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (shared && !options.ranks->owns(i)) continue;
    const RolloutPrompt& prompt = prompts[i];
    Request request;
    request.messages = prompt.messages;
    request.clips = prompt.clips;
    request.samples = options.samples;
    request.sampling.temperature = options.temperature;
    request.sampling.seed = options.seed;
    // Keyed by the prompt's place, so that it does not matter who answers it.
    request.sampling.sequence = (options.first_place + i) * static_cast<uint64_t>(options.samples);
    request.sampling.max_tokens = options.max_tokens;
    request.sampling.logprobs = 0;
    requests.push_back(std::move(request));
    asked.push_back(i);
  }
  std::vector<Rollout> rollouts;
  bool cancelled = false;
  try {
    std::vector<Generation> generations;
    if (!requests.empty()) generations = generator_->generate_batch(requests, options.stop);
    for (size_t i = 0; i < generations.size(); ++i)
      rollouts.push_back(rollout_of(asked[i / static_cast<size_t>(options.samples)],
                                    std::move(generations[i]), tokenizer()));
  } catch (const Error& error) {
    if (!shared || error.code() != ErrorCode::kCancelled) throw;
    cancelled = true;
  }
  return shared ? all_parts(rollouts, cancelled, *options.ranks) : rollouts;
}

size_t grade(std::span<const RolloutPrompt> prompts, std::vector<Rollout>& rollouts,
             RewardFunction& reward, const Ranks& ranks) {
  std::vector<Completion> completions;
  for (const Rollout& rollout : rollouts)
    completions.push_back(rollout.completion(prompts[rollout.prompt]));
  std::vector<Reward> rewards = rewards_by_leader(completions, reward, ranks);
  if (rewards.size() != rollouts.size())
    fail(ErrorCode::kInvalidData, "the reward function gave {} rewards for {} replies",
         rewards.size(), rollouts.size());
  const std::vector<std::string> parts = reward.parts();
  for (size_t i = 0; i < rewards.size(); ++i) {
    check_reward(rewards[i], prompts[rollouts[i].prompt], parts);
    rollouts[i].reward = std::move(rewards[i]);
  }
  return std::erase_if(rollouts, [](const Rollout& rollout) { return !rollout.reward.total; });
}

std::vector<double> rewards_of(std::span<const Rollout> rollouts) {
  std::vector<double> rewards;
  for (const Rollout& rollout : rollouts) rewards.push_back(rollout.reward.total.value());
  return rewards;
}

std::vector<size_t> groups_of(std::span<const Rollout> rollouts) {
  std::vector<size_t> groups;
  for (const Rollout& rollout : rollouts) groups.push_back(rollout.prompt);
  return groups;
}

}  // namespace stapes::train
