#include "train/mgrd/held_out.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <ostream>
#include <sstream>

#include "audio/audio_file.h"
#include "base/fail.h"
#include "base/file.h"
#include "train/mgrd/chain.h"
#include "train/mgrd/chain_filter.h"
#include "train/run/make_folder.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

double share(int64_t part, int64_t all) {
  return all == 0 ? std::nan("") : static_cast<double>(part) / static_cast<double>(all);
}

// Sums over the replies.
struct Tally {
  struct Right {
    int64_t right = 0, all = 0;
  };
  Right all;
  std::map<std::string, Right> by_task;
  int64_t thought_tokens = 0, surrogates = 0, refusals = 0, coherent = 0, kept = 0, with_false = 0;
  int64_t true_claims = 0, false_claims = 0, uncheckable = 0;

  void add(const std::string& task, const reward::GroundingReport& report, int64_t tokens) {
    const bool right = report.grade && report.grade->right();
    for (Right* counts : {&all, &by_task[task]}) {
      counts->right += right ? 1 : 0;
      ++counts->all;
    }
    thought_tokens += tokens;
    surrogates += report.surrogate() ? 1 : 0;
    refusals += report.refusal ? 1 : 0;
    coherent += report.coherence.coherent() ? 1 : 0;
    kept += report.kept() ? 1 : 0;
    with_false += report.false_claims > 0 ? 1 : 0;
    true_claims += report.true_claims;
    false_claims += report.false_claims;
    uncheckable += report.uncheckable_claims;
  }

  Figures figures(const std::vector<std::string>& tasks) const {
    const int64_t claims = true_claims + false_claims + uncheckable;
    Figures figures = {{"accuracy", share(all.right, all.all)},
                       {"thought_tokens", share(thought_tokens, all.all)},
                       {"surrogates", share(surrogates, all.all)},
                       {"claims", share(claims, all.all)},
                       {"true_claims", share(true_claims, claims)},
                       {"false_claims", share(false_claims, claims)},
                       {"uncheckable_claims", share(uncheckable, claims)},
                       {"thoughts_with_false_claims", share(with_false, all.all)},
                       {"refusals", share(refusals, all.all)},
                       {"coherent", share(coherent, all.all)},
                       {"kept", share(kept, all.all)}};
    for (const std::string& task : tasks) {
      const auto found = by_task.find(task);
      const Right counts = found == by_task.end() ? Right{} : found->second;
      figures.emplace_back("accuracy/" + task, share(counts.right, counts.all));
    }
    return figures;
  }
};

std::vector<RolloutPrompt> held_out_prompts(const PromptSource& source, int wanted) {
  uint64_t candidates = source.evaluation_count();
  if (candidates == 0) candidates = static_cast<uint64_t>(wanted);
  std::vector<RolloutPrompt> prompts;
  for (uint64_t i = 0; i < candidates && prompts.size() < static_cast<size_t>(wanted); ++i) {
    RolloutPrompt prompt = source.get(Phase::kEvaluation, i);
    if (prompt.has_audio()) prompts.push_back(std::move(prompt));
  }
  if (prompts.empty())
    fail(ErrorCode::kInvalidData, "none of {} held-out prompts has a sound", candidates);
  return prompts;
}

std::string file_name(const std::string& id) {
  std::string name = id;
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '.') c = '-';
  return name + ".wav";
}

Json side(const Json& reply) {
  return {{"thinking", reply.at("thinking")},
          {"answer", reply.at("answer")},
          {"report", reply.at("report")}};
}

}  // namespace

HeldOut evaluate_held_out(const MgrdRecipe& recipe, const PromptSource& source,
                          const RolloutEngine& engine, const std::atomic<bool>* stop) {
  const std::vector<RolloutPrompt> prompts = held_out_prompts(source, recipe.evaluation.prompts);
  const std::vector<Rollout> rollouts =
      engine.generate(prompts, {.samples = 1,
                                .max_tokens = recipe.distill.max_tokens,
                                .temperature = 0,
                                .seed = recipe.seed,
                                .stop = stop});
  HeldOut result;
  Tally tally;
  for (const Rollout& rollout : rollouts) {
    const RolloutPrompt& prompt = prompts[rollout.prompt];
    const reward::GroundingInput input =
        grounding_input(prompt, evidence_of(prompt), rollout, engine.tokenizer());
    const reward::GroundingReport report =
        reward::check_grounding(input, recipe.filter_for(prompt.task));
    tally.add(prompt.task, report, input.thinking_tokens.value_or(0));
    result.replies.push_back({{"id", prompt.id},
                              {"task", prompt.task},
                              {"question", input.question},
                              {"right", prompt.expected.text},
                              {"thinking", rollout.thinking},
                              {"answer", rollout.answer},
                              {"tokens", rollout.ids.size()},
                              {"report", reward::to_json(report)}});
  }
  result.figures = tally.figures(source.tasks());
  return result;
}

void write_replies(const fs::path& path, const std::vector<Json>& replies) {
  write_file_atomically(path, [&](std::ostream& out) {
    for (const Json& reply : replies)
      out << reply.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  });
}

std::vector<Json> read_replies(const fs::path& path) {
  std::vector<Json> replies;
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);) {
    Json reply = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    for (const char* key : {"id", "thinking", "answer", "report"})
      if (!reply.is_object() || !reply.contains(key))
        fail(ErrorCode::kInvalidData, "{}:{}: expected a reply with \"{}\"", path.string(),
             replies.size() + 1, key);
    replies.push_back(std::move(reply));
  }
  return replies;
}

void write_examples(const fs::path& folder, int count, const PromptSource& source,
                    const std::vector<Json>& before, const std::vector<Json>& after) {
  std::vector<Json> examples;
  const std::vector<RolloutPrompt> prompts = held_out_prompts(source, count);
  make_folder(folder / "clips");
  for (size_t i = 0; i < std::min({prompts.size(), before.size(), after.size()}); ++i) {
    const fs::path audio = fs::path("clips") / file_name(prompts[i].id);
    write_wav_file(folder / audio, prompts[i].clips.front());
    examples.push_back({{"id", prompts[i].id},
                        {"task", prompts[i].task},
                        {"audio", audio.string()},
                        {"question", question_text(prompts[i])},
                        {"right", prompts[i].expected.text},
                        {"before", side(before[i])},
                        {"after", side(after[i])}});
  }
  write_replies(folder / "examples.jsonl", examples);
}

}  // namespace stapes::train
