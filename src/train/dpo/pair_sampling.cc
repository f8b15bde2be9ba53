#include "train/dpo/pair_sampling.h"

#include <algorithm>

#include "audio/audio_file.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/rng.h"
#include "reward/claims.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

reward::Evidence evidence_of(const RolloutPrompt& prompt) {
  if (prompt.truth) return {reward::facts_of(*prompt.truth, prompt.clips.front().seconds())};
  return {reward::facts_of(measure(prompt.clips.front()))};
}

// Prompts that are asked together.
class Round {
 public:
  Round(const PromptSource& source, int64_t begin, int64_t end) : begin_(begin) {
    for (int64_t i = begin; i < end; ++i)
      prompts_.push_back(source.get(Phase::kTraining, static_cast<uint64_t>(i)));
  }

  const RolloutPrompt& prompt(size_t i) const { return prompts_[i]; }
  std::span<const RolloutPrompt> prompts() const { return prompts_; }

  // Replies by prompt; those that were cut are left out.
  std::vector<reward::SampledReplies> replies(const std::vector<Rollout>& rollouts,
                                              int64_t& cut) const {
    std::vector<reward::SampledReplies> all;
    for (size_t i = 0; i < prompts_.size(); ++i)
      all.push_back({prompts_[i].messages.back().parts.back().text, audio_name(i), {}});
    for (const Rollout& rollout : rollouts) {
      if (rollout.stop == StopReason::kStop)
        all[rollout.prompt].completions.push_back(rollout.text);
      else
        ++cut;
    }
    return all;
  }

  bool has_file(size_t i) const { return prompts_[i].columns.contains("audio"); }
  std::string audio_name(size_t i) const {
    if (has_file(i)) return prompts_[i].columns.at("audio").get<std::string>();
    return fmt::format("clips/{:06}.wav", begin_ + static_cast<int64_t>(i));
  }

 private:
  int64_t begin_;
  std::vector<RolloutPrompt> prompts_;
};

// Asks, sorts and writes one round after the other.
class Sampler {
 public:
  Sampler(const DpoRecipe& recipe, const PromptSource& source, const RolloutEngine& engine,
          const fs::path& folder, const PairSamplingOptions& options)
      : recipe_(recipe.pairs),
        rollout_(recipe.rollout),
        source_(source),
        engine_(engine),
        folder_(folder),
        options_(options),
        writes_(options.ranks == nullptr || options.ranks->leads()) {}

  PairSamplingFunnel run() {
    if (writes_) make_clips_folder();
    const int64_t per_round = std::max<int64_t>(1, 2 * rollout_.live_sequences / recipe_.samples);
    for (int64_t begin = 0; begin < recipe_.prompts && missing() > 0; begin += per_round) {
      const int64_t end = std::min(recipe_.prompts, begin + per_round);
      ask(Round(source_, begin, end), begin);
      if (options_.on_progress) options_.on_progress(end, recipe_.prompts);
    }
    if (funnel_.pairs.pairs > 0 && writes_) write_file_atomically(folder_ / "pairs.jsonl", lines_);
    return funnel_;
  }

 private:
  int64_t missing() const { return recipe_.most_pairs - funnel_.pairs.pairs; }

  void make_clips_folder() const {
    std::error_code error;
    fs::remove_all(folder_ / "clips", error);  // of a run that was interrupted
    fs::create_directories(folder_ / "clips", error);
    if (error)
      fail(ErrorCode::kIo, "cannot make the folder {}: {}", (folder_ / "clips").string(),
           error.message());
  }

  void ask(const Round& round, int64_t begin) {
    const uint64_t seed = mix64(options_.seed ^ mix64(static_cast<uint64_t>(begin)));
    const std::vector<Rollout> rollouts =
        engine_.generate(round.prompts(), {.samples = recipe_.samples,
                                           .max_tokens = rollout_.max_tokens,
                                           .seed = seed,
                                           .stop = options_.stop,
                                           .ranks = options_.ranks});
    const std::vector<reward::SampledReplies> replies = round.replies(rollouts, funnel_.cut);
    reward::PairOptions wanted{
        .most_pairs = static_cast<size_t>(missing()),
        .most_pairs_per_prompt = static_cast<size_t>(recipe_.most_pairs_per_prompt),
        .examples_where_none_refuses = recipe_.examples_where_none_refuses,
        .seed = seed};
    if (recipe_.require_grounded)
      wanted.may_be_chosen = [&](size_t prompt, const reward::Reply& reply) {
        return hears_well(round.prompt(prompt), reply, funnel_.grounding);
      };
    std::vector<bool> written(replies.size(), false);
    for (const auto& pair : reward::make_preference_pairs(replies, wanted, funnel_.pairs)) {
      lines_ += reward::to_jsonl(replies[pair.prompt], pair) + "\n";
      funnel_.rejected_examples += pair.rejected_is_example ? 1 : 0;
      if (!writes_ || written[pair.prompt] || round.has_file(pair.prompt)) continue;
      write_wav_file(folder_ / round.audio_name(pair.prompt),
                     round.prompt(pair.prompt).clips.front());
      written[pair.prompt] = true;
    }
  }

  const PairsRecipe& recipe_;
  const DpoRolloutRecipe& rollout_;
  const PromptSource& source_;
  const RolloutEngine& engine_;
  const fs::path folder_;
  const PairSamplingOptions& options_;
  const bool writes_;
  PairSamplingFunnel funnel_;
  std::string lines_;
};

}  // namespace

double PairSamplingFunnel::refusal_rate() const {
  return static_cast<double>(pairs.refusals) /
         static_cast<double>(std::max<int64_t>(pairs.completions, 1));
}

ordered_json PairSamplingFunnel::to_json() const {
  ordered_json json = {{"prompts", pairs.prompts},
                       {"replies", pairs.completions + cut},
                       {"cut", cut},
                       {"refusals", pairs.refusals},
                       {"refusal_rate", refusal_rate()},
                       {"unusable", pairs.unusable},
                       {"prompts_without_chosen", pairs.no_chosen},
                       {"prompts_without_rejected", pairs.no_rejected},
                       {"pairs", pairs.pairs},
                       {"rejected_examples", rejected_examples}};
  if (grounding.replies() > 0) json["grounding"] = grounding.to_json();
  return json;
}

std::string PairSamplingFunnel::to_table() const {
  std::string table = fmt::format(
      "{} prompts, {} replies: {} cut, {} refuse ({:.2f} %), {} are not fit to be chosen\n"
      "{} prompts have none to choose, {} none to reject; {} pairs",
      pairs.prompts, pairs.completions + cut, cut, pairs.refusals, 100 * refusal_rate(),
      pairs.unusable, pairs.no_chosen, pairs.no_rejected, pairs.pairs);
  if (rejected_examples > 0)
    table +=
        fmt::format(", {} with a worded refusal in place of the model's own", rejected_examples);
  return table + "\n";
}

bool hears_well(const RolloutPrompt& prompt, const reward::Reply& reply,
                reward::GroundingFunnel& funnel) {
  const reward::Evidence evidence = evidence_of(prompt);
  const reward::GroundingReport report = reward::check_grounding(
      {.question = prompt.messages.back().parts.back().text, .reply = reply, .evidence = evidence},
      // There is no one right answer, and of a recording little may be checkable.
      {.require_right = false, .fewest_true_claims = prompt.truth ? 1 : 0});
  funnel.add(report);
  if (!report.kept()) return false;
  const auto claims = reward::check_claims(reward::parse_claims(reply.answer), evidence);
  return std::ranges::none_of(claims, [](const reward::CheckedClaim& checked) {
    return checked.verdict == reward::Verdict::kFalse;
  });
}

PairSamplingFunnel sample_pairs(const DpoRecipe& recipe, const PromptSource& prompts,
                                const RolloutEngine& engine, const fs::path& folder,
                                const PairSamplingOptions& options) {
  return Sampler(recipe, prompts, engine, folder, options).run();
}

}  // namespace stapes::train
