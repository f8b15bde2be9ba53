#include "train/mgrd/distill.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <set>

#include "base/fail.h"
#include "base/file.h"
#include "base/rng.h"
#include "train/data/shuffle.h"
#include "train/mgrd/chain_filter.h"
#include "train/mgrd/questions.h"
#include "train/run/make_folder.h"
#include "train/run/progress.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

class RoundDistillation {
 public:
  RoundDistillation(const MgrdRecipe& recipe, int round, const PromptSource& source,
                    const RolloutEngine& engine, const fs::path& folder,
                    const std::atomic<bool>* stop)
      : recipe_(recipe),
        round_(round),
        source_(source),
        engine_(engine),
        folder_(folder),
        stop_(stop) {}

  Distillation run() {
    questions_ = choose_questions(recipe_, round_, source_, engine_, folder_, stop_);
    sample();
    return assemble();
  }

 private:
  size_t per_file() const { return static_cast<size_t>(recipe_.distill.questions_at_once); }
  fs::path samples_file(size_t first) const {
    return folder_ / "samples" / fmt::format("{:08}.jsonl", first);
  }

  void sample() {
    make_folder(folder_ / "samples");
    const auto count = static_cast<int64_t>(questions_.size());
    ChainFilter filter(recipe_, engine_.tokenizer(), stop_);
    Progress progress(0, count);
    for (size_t first = 0; first < questions_.size(); first += per_file()) {
      if (fs::exists(samples_file(first))) continue;
      const std::string lines = sample_some(first, filter);
      write_file_atomically(samples_file(first), lines);
      const auto done = std::min(first + per_file(), questions_.size());
      progress.show(static_cast<int64_t>(done),
                    fmt::format("round {}: questions asked  kept {:.1f} % of {} chains", round_,
                                100.0 * static_cast<double>(kept_) /
                                    static_cast<double>(std::max<int64_t>(sampled_, 1)),
                                sampled_));
    }
  }

  // The chains of the questions of one file, as lines.
  std::string sample_some(size_t first, ChainFilter& filter) {
    const size_t end = std::min(first + per_file(), questions_.size());
    std::vector<RolloutPrompt> prompts;
    for (size_t i = first; i < end; ++i)
      prompts.push_back(source_.get(Phase::kTraining, questions_[i]));
    const std::vector<Rollout> rollouts =
        engine_.generate(prompts, {.samples = recipe_.distill.samples,
                                   .max_tokens = recipe_.distill.max_tokens,
                                   .seed = stream_seed(recipe_.seed, MgrdStream::kSample, round_),
                                   .first_place = first,
                                   .stop = stop_});
    std::string lines;
    const auto samples = static_cast<size_t>(recipe_.distill.samples);
    reward::Evidence evidence;
    for (size_t i = 0; i < rollouts.size(); ++i) {
      const RolloutPrompt& prompt = prompts[rollouts[i].prompt];
      if (i % samples == 0) evidence = evidence_of(prompt);
      const reward::GroundingReport report = filter.check(prompt, evidence, rollouts[i]);
      ++sampled_;
      kept_ += report.kept() ? 1 : 0;
      lines += to_line(chain_of(prompt, questions_[first + rollouts[i].prompt],
                                static_cast<int>(i % samples), rollouts[i], report));
      lines += '\n';
    }
    return lines;
  }

  Distillation assemble() {
    Distillation result;
    result.questions = static_cast<int64_t>(questions_.size());
    write_file_atomically(folder_ / "distilled.jsonl", [&](std::ostream& out) {
      for (size_t first = 0; first < questions_.size(); first += per_file())
        result.chains += keep_of(read_chains(samples_file(first)), out);
    });
    result.funnel = funnel_json(result);
    write_file_atomically(folder_ / "funnel.json", result.funnel.dump(2) + "\n");
    if (result.chains == 0) nothing_left();
    return result;
  }

  int64_t keep_of(const std::vector<Chain>& chains, std::ostream& out) {
    int64_t kept = 0;
    std::vector<const Chain*> of_question;
    for (size_t i = 0; i < chains.size(); ++i) {
      const Chain& chain = chains[i];
      const reward::GroundingReport counts = counts_of_report(chain.report);
      funnel_.add(counts);
      by_task_[chain.task].add(counts);
      if (!chain.report.at("judge").is_null()) {
        ++judged_;
        no_verdict_ += chain.report.at("judge").at("follows").is_null() ? 1 : 0;
      }
      of_question.push_back(&chain);
      if (i + 1 < chains.size() && chains[i + 1].question == chain.question) continue;
      const auto chosen = chains_to_keep(of_question, recipe_.distill,
                                         stream_seed(recipe_.seed, MgrdStream::kKeep, round_),
                                         duplicates_, beyond_);
      for (const Chain* one : chosen) out << to_line(*one) << '\n';
      kept += static_cast<int64_t>(chosen.size());
      questions_with_chains_ += chosen.empty() ? 0 : 1;
      of_question.clear();
    }
    return kept;
  }

  Json funnel_json(const Distillation& result) const {
    Json json = {
        {"round", round_}, {"questions", result.questions}, {"samples", recipe_.distill.samples}};
    json.update(funnel_.to_json());
    json["judge"] = {{"asked", judged_}, {"without_verdict", no_verdict_}};
    json["left_out"] = {{"duplicates", duplicates_}, {"beyond_keep_per_question", beyond_}};
    json["distilled"] = result.chains;
    json["questions_with_chains"] = questions_with_chains_;
    json["by_task"] = Json::object();
    for (const auto& [task, funnel] : by_task_) json["by_task"][task] = funnel.to_json();
    return json;
  }

  [[noreturn]] void nothing_left() const {
    std::string dropped;
    for (size_t i = 0; i + 1 < reward::kFilterStages; ++i) {
      const auto stage = static_cast<reward::FilterStage>(i);
      if (funnel_.dropped_at(stage) > 0)
        dropped += fmt::format("{}{} at {}", dropped.empty() ? "" : ", ", funnel_.dropped_at(stage),
                               reward::name(stage));
    }
    fail(ErrorCode::kInvalidData,
         "round {}: none of {} chains (of {} questions) passed the filter: dropped {}; {} holds "
         "every chain with the reason",
         round_, funnel_.replies(), questions_.size(), dropped, (folder_ / "samples").string());
  }

  const MgrdRecipe& recipe_;
  int round_;
  const PromptSource& source_;
  const RolloutEngine& engine_;
  fs::path folder_;
  const std::atomic<bool>* stop_;
  std::vector<uint64_t> questions_;
  int64_t sampled_ = 0, kept_ = 0;  // in this process, for the progress line
  reward::GroundingFunnel funnel_;
  std::map<std::string, reward::GroundingFunnel> by_task_;
  int64_t judged_ = 0, no_verdict_ = 0, duplicates_ = 0, beyond_ = 0, questions_with_chains_ = 0;
};

}  // namespace

uint64_t stream_seed(uint64_t seed, MgrdStream stream, int round) {
  return Rng(seed, static_cast<uint64_t>(stream), static_cast<uint64_t>(round)).next();
}

std::vector<const Chain*> chains_to_keep(const std::vector<const Chain*>& of_question,
                                         const DistillRecipe& recipe, uint64_t seed,
                                         int64_t& duplicates, int64_t& beyond) {
  std::vector<const Chain*> passed;
  std::set<std::vector<TokenId>> seen;
  for (const Chain* chain : of_question) {
    if (!chain->kept()) continue;
    if (recipe.distinct && !seen.insert(chain->ids).second)
      ++duplicates;
    else
      passed.push_back(chain);
  }
  if (passed.empty()) return passed;
  if (recipe.keep == KeepRule::kRandom) {
    const auto order = shuffled_order(passed.size(), Rng(seed, 0, passed.front()->question));
    std::vector<const Chain*> shuffled;
    for (const size_t i : order) shuffled.push_back(passed[i]);
    passed = std::move(shuffled);
  } else {
    const bool shortest = recipe.keep == KeepRule::kShortest;
    std::ranges::stable_sort(passed, [&](const Chain* a, const Chain* b) {
      return shortest ? a->ids.size() < b->ids.size() : a->ids.size() > b->ids.size();
    });
  }
  const auto most = static_cast<size_t>(recipe.keep_per_question);
  if (passed.size() > most) {
    beyond += static_cast<int64_t>(passed.size() - most);
    passed.resize(most);
  }
  std::ranges::sort(passed, {}, &Chain::sample);
  return passed;
}

Distillation distill(const MgrdRecipe& recipe, int round, const PromptSource& source,
                     const RolloutEngine& engine, const fs::path& folder,
                     const std::atomic<bool>* stop) {
  return RoundDistillation(recipe, round, source, engine, folder, stop).run();
}

}  // namespace stapes::train
