// The tables and the JSON of `stapes eval-grounding`.
#include <fmt/format.h>

#include <algorithm>

#include "eval/grounding_eval.h"
#include "eval/score_report.h"

namespace stapes {
namespace {

using Json = nlohmann::ordered_json;

std::string difference_cell(const Score& a, const Score& b) {
  const Difference d = difference(a, b);
  return fmt::format("{:+6.1f} [{:+.1f}, {:+.1f}]", 100 * d.value, 100 * d.low, 100 * d.high);
}

std::string or_dash(const Score& score) {
  return score.total == 0 ? std::string("     -") : cell(score);
}

std::string conditions(const GroundingEvalResult& result) {
  constexpr const char* kRow = "{:<14}  {:<23}  {:<23}  {:<23}  {:<23}  {}\n";
  std::string table = "Right answers, by what is heard\n";
  table += fmt::format(kRow, "task", "the clip", "silence", "another clip: follows", "a transcript",
                       "clip less silence");
  for (const TaskGrounding& task : result.tasks)
    table += fmt::format(kRow, world::name(task.task), cell(task.clip), cell(task.silence),
                         cell(task.other_clip), cell(task.transcript),
                         difference_cell(task.clip, task.silence));
  return table;
}

std::string thoughts(const GroundingEvalResult& result) {
  constexpr const char* kRow = "{:<14}  {:<23}  {:<23}  {:<23}  {:<23}  {}\n";
  std::string table = "\nThoughts that heard the clip\n";
  table += fmt::format(kRow, "task", "claims true", "claims false", "claims uncheckable",
                       "coherent", "lean on text");
  for (const TaskGrounding& task : result.tasks)
    table += fmt::format(kRow, world::name(task.task), or_dash(task.claims_true),
                         or_dash(task.claims_false), or_dash(task.claims_uncheckable),
                         cell(task.coherent), cell(task.surrogates));
  return table;
}

std::string tampering(const GroundingEvalResult& result) {
  constexpr const char* kRow = "{:<14}  {:<23}  {:<23}  {:<23}  {}\n";
  std::string table = "\nAnswers after the thought was tampered with, and replies as a whole\n";
  table += fmt::format(kRow, "task", "follow the thought", "stay with the clip",
                       "say they cannot hear", "would be kept for training");
  for (const TaskGrounding& task : result.tasks) {
    const Score kept{.correct = task.funnel.kept(), .total = task.funnel.replies()};
    table += fmt::format(kRow, world::name(task.task), or_dash(task.tamper_follows),
                         or_dash(task.tamper_stays), cell(task.refusals), cell(kept));
  }
  return table;
}

std::string budgets(const GroundingEvalResult& result) {
  std::vector<NamedBudgets> rows;
  for (const TaskGrounding& task : result.tasks)
    rows.emplace_back(world::name(task.task), &task.budgets);
  std::string table = budget_table(rows);
  table += "\nRight answers by the length of the whole thought (tokens, four parts)\n";
  for (const TaskGrounding& task : result.tasks) {
    table += fmt::format("{:<14}", world::name(task.task));
    for (const LengthScore& length : task.lengths)
      table += fmt::format("  {:>7}: {}", fmt::format("{}-{}", length.shortest, length.longest),
                           cell(length.right));
    table += '\n';
  }
  return table;
}

std::string judged(const GroundingEvalResult& result) {
  constexpr const char* kRow = "{:<14}  {:<23}  {:<23}  {}\n";
  if (!result.options.judge) return {};
  std::string table = "\nThe judge's verdicts\n";
  table += fmt::format(kRow, "task", "grounded", "coherent", "without a verdict");
  for (const TaskGrounding& task : result.tasks)
    table += fmt::format(kRow, world::name(task.task), or_dash(task.judged_grounded),
                         or_dash(task.judged_coherent), task.without_verdict);
  return table;
}

Json to_json(const Difference& d) {
  return {{"value", d.value}, {"low", d.low}, {"high", d.high}};
}

Json to_json(const TaskGrounding& task) {
  Json json = {{"clip", to_json(task.clip)},
               {"silence", to_json(task.silence)},
               {"clip_less_silence", to_json(difference(task.clip, task.silence))},
               {"other_clip_follows", to_json(task.other_clip)},
               {"other_clip_stays", to_json(task.stays)},
               {"transcript", to_json(task.transcript)},
               {"tampered_follows", to_json(task.tamper_follows)},
               {"tampered_stays", to_json(task.tamper_stays)},
               {"claims_true", to_json(task.claims_true)},
               {"claims_false", to_json(task.claims_false)},
               {"claims_uncheckable", to_json(task.claims_uncheckable)},
               {"thoughts_with_false_claims", to_json(task.thoughts_with_false_claims)},
               {"coherent", to_json(task.coherent)},
               {"surrogates", to_json(task.surrogates)},
               {"refusals", to_json(task.refusals)},
               {"budgets", stapes::to_json(task.budgets)},
               {"lengths", Json::array()},
               {"funnel", task.funnel.to_json()}};
  for (const LengthScore& length : task.lengths)
    json["lengths"].push_back({{"shortest", length.shortest},
                               {"longest", length.longest},
                               {"right", to_json(length.right)}});
  if (task.judged_grounded.total + task.without_verdict > 0)
    json["judge"] = {{"grounded", to_json(task.judged_grounded)},
                     {"coherent", to_json(task.judged_coherent)},
                     {"without_verdict", task.without_verdict}};
  return json;
}

}  // namespace

std::string to_table(const GroundingEvalResult& result) {
  const GroundingEvalOptions& options = result.options;
  const bool tasks = !result.tasks.empty(), hearing = result.self_cognition_errors.total > 0;
  if (!tasks && !hearing) return "no task was asked\n";
  std::string table;
  if (tasks)
    table += conditions(result) + thoughts(result) + tampering(result) + judged(result) +
             budgets(result);
  if (hearing)
    table +=
        fmt::format("{}Asked in words kept apart from training whether it hears, it denies: {}\n",
                    tasks ? "\n" : "", cell(result.self_cognition_errors));
  const std::string sampled =
      options.self_cognition_temperature > 0 && hearing
          ? fmt::format("{}at temperature {}",
                        tasks ? "greedy, replies whether it hears " : "sampled ",
                        options.self_cognition_temperature)
          : "greedy";
  return table + (tasks ? "\n" : "") +
         fmt::format("{} {}, test split, seed {}, {}; 95 % {}\n", options.examples_per_task,
                     tasks ? "examples per task" : "questions", options.seed, sampled,
                     tasks ? "intervals (Wilson; differences: Newcombe)" : "interval (Wilson)");
}

std::string to_json(const GroundingEvalResult& result) {
  Json tasks = Json::object();
  for (const TaskGrounding& task : result.tasks) tasks[world::name(task.task)] = to_json(task);
  Json json = {{"examples_per_task", result.options.examples_per_task},
               {"seed", result.options.seed},
               {"max_tokens", result.options.max_tokens},
               {"split", "test"},
               {"temperature", 0}};
  if (result.self_cognition_errors.total > 0) {
    json["self_cognition_temperature"] = result.options.self_cognition_temperature;
    json["self_cognition_errors"] = to_json(result.self_cognition_errors);
  }
  if (!result.tasks.empty()) json["tasks"] = std::move(tasks);
  return json.dump(2) + "\n";
}

}  // namespace stapes
