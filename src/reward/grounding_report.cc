#include "reward/grounding_report.h"

#include <fmt/format.h>

#include <algorithm>

namespace stapes::reward {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::array<const char*, kFilterStages> kNames = {
    "whole",   "reasoning",   "hears",    "right",  "names-sound",
    "no-text", "true-claims", "coherent", "judged", "kept"};

std::string false_claims_of(const GroundingReport& report) {
  for (const CheckedClaim& checked : report.claims)
    if (checked.verdict == Verdict::kFalse)
      return fmt::format("a {} claim is false: {}", name(checked.claim.kind), checked.reason);
  return "false claims";
}

// Sets where and why the report drops out, if it does.
class Filter {
 public:
  Filter(GroundingReport& report, const GroundingOptions& options)
      : report_(report), options_(options) {}

  void run() {
    report_.stage = FilterStage::kKept;
    pass(FilterStage::kWhole, report_.whole, "the thought was not closed, or there is no answer");
    pass(FilterStage::kReasoning, report_.reasoning.present, report_.reasoning.reason);
    pass(FilterStage::kHears, !report_.refusal,
         report_.refusal ? "\"" + report_.refusal->phrase + "\"" : std::string());
    if (options_.require_right) check_right();
    if (options_.require_grounded) check_grounded();
    if (options_.require_coherent) check_coherent();
    check_judged();
  }

 private:
  void pass(FilterStage stage, bool passed, const std::string& reason) {
    if (passed || report_.stage != FilterStage::kKept) return;
    report_.stage = stage;
    report_.reason = reason;
  }

  void check_right() {
    const auto& grade = report_.grade;
    pass(FilterStage::kRight, grade && grade->right(),
         !grade          ? "it was not graded"
         : !grade->score ? "no score: " + grade->reason
                         : grade->reason);
  }
  void check_grounded() {
    pass(FilterStage::kNamesSound, report_.names_sound.passed, report_.names_sound.reason);
    pass(FilterStage::kNoText, report_.no_text.passed, report_.no_text.reason);
    if (report_.false_claims > options_.most_false_claims)
      pass(FilterStage::kTrueClaims, false, false_claims_of(report_));
    const int64_t counted = counted_true_claims();
    pass(FilterStage::kTrueClaims, counted >= options_.fewest_true_claims,
         fmt::format("{} true claims{}, expected {}", counted,
                     options_.rules.heard_words_count ? "" : " that are not about words",
                     options_.fewest_true_claims));
  }
  int64_t counted_true_claims() const {
    return std::ranges::count_if(report_.claims, [&](const CheckedClaim& checked) {
      return checked.verdict == Verdict::kTrue &&
             (options_.rules.heard_words_count || !is_about_words(checked.claim));
    });
  }
  void check_coherent() {
    const Coherence& coherence = report_.coherence;
    const bool undecided = coherence.gives_answer == Support::kUndecided;
    pass(FilterStage::kCoherent, coherence.coherent(),
         coherence.reasons.empty() ? std::string() : coherence.reasons.front());
    pass(FilterStage::kCoherent, !undecided || options_.undecided_is_coherent,
         "whether the end of the thought gives the answer cannot be told");
  }
  void check_judged() {
    if (!report_.judged) return;
    const JudgeVerdict& verdict = *report_.judged;
    const bool good = verdict.decided() ? (!options_.require_grounded || verdict.grounded()) &&
                                              (!options_.require_coherent || *verdict.follows)
                                        : options_.no_verdict_is_grounded;
    pass(FilterStage::kJudged, good, verdict.reason);
  }

  GroundingReport& report_;
  const GroundingOptions& options_;
};

OrderedJson to_json(const CheckedClaim& checked) {
  const Claim& claim = checked.claim;
  return {{"kind", name(claim.kind)},
          {"begin", claim.begin},
          {"end", claim.end},
          {"verdict", name(checked.verdict)},
          {"reason", checked.reason}};
}

OrderedJson to_json(const Grade& grade) {
  return {{"score", grade.score ? OrderedJson(*grade.score) : OrderedJson(nullptr)},
          {"found", grade.found},
          {"reason", grade.reason}};
}

OrderedJson to_json(const JudgeVerdict& verdict) {
  const auto value = [](const std::optional<bool>& decided) {
    return decided ? OrderedJson(*decided) : OrderedJson(nullptr);
  };
  return {
      {"names_sound", value(verdict.names_sound)}, {"leans_on_text", value(verdict.leans_on_text)},
      {"follows", value(verdict.follows)},         {"votes", verdict.votes},
      {"failed_votes", verdict.failed_votes},      {"reason", verdict.reason}};
}

const char* name(Support support) {
  return support == Support::kYes ? "yes" : support == Support::kNo ? "no" : "undecided";
}

}  // namespace

const char* name(FilterStage stage) {
  return kNames[static_cast<size_t>(stage)];
}

GroundingReport check_grounding(const GroundingInput& input, const GroundingOptions& options) {
  const std::string& thinking = input.reply.thinking;
  GroundingReport report;
  report.whole =
      (input.reply.closed || thinking.empty()) && !bare_answer(input.reply.answer).empty();
  report.reasoning = reasoning_present(input.reply, options.reasoning, input.thinking_tokens);
  report.refusal = find_refusal(input.reply);
  report.grade = input.grade;
  if (!report.grade && input.expected) report.grade = grade_answer(input.reply, *input.expected);
  const std::vector<Claim> claims = parse_claims(thinking);
  report.names_sound = names_heard_property(thinking, claims, options.rules);
  report.no_text = leans_on_no_text(thinking, options.rules);
  report.claims = check_claims(claims, input.evidence);
  for (const CheckedClaim& checked : report.claims) {
    report.true_claims += checked.verdict == Verdict::kTrue ? 1 : 0;
    report.false_claims += checked.verdict == Verdict::kFalse ? 1 : 0;
    report.uncheckable_claims += checked.verdict == Verdict::kUncheckable ? 1 : 0;
  }
  report.coherence = check_coherence(thinking, input.reply.answer, input.question);
  report.judged = input.judged;
  Filter(report, options).run();
  return report;
}

nlohmann::ordered_json to_json(const GroundingReport& report) {
  OrderedJson json = {
      {"stage", name(report.stage)}, {"kept", report.kept()}, {"reason", report.reason}};
  json["reasoning_present"] = report.reasoning.present;
  json["refusal"] = report.refusal ? OrderedJson(report.refusal->phrase) : OrderedJson(nullptr);
  json["grade"] = report.grade ? to_json(*report.grade) : OrderedJson(nullptr);
  json["names_sound"] = {{"passed", report.names_sound.passed},
                         {"reason", report.names_sound.reason}};
  json["leans_on_text"] =
      report.surrogate() ? OrderedJson(report.no_text.reason) : OrderedJson(nullptr);
  json["claims"] = OrderedJson::array();
  for (const CheckedClaim& checked : report.claims) json["claims"].push_back(to_json(checked));
  json["true_claims"] = report.true_claims;
  json["false_claims"] = report.false_claims;
  json["uncheckable_claims"] = report.uncheckable_claims;
  json["coherence"] = {{"steps_follow", report.coherence.steps_follow},
                       {"gives_answer", name(report.coherence.gives_answer)},
                       {"reasons", report.coherence.reasons}};
  json["judge"] = report.judged ? to_json(*report.judged) : OrderedJson(nullptr);
  return json;
}

void GroundingFunnel::add(const GroundingReport& report) {
  ++replies_;
  ++counts_[static_cast<size_t>(report.stage)];
  true_claims_ += report.true_claims;
  false_claims_ += report.false_claims;
  uncheckable_claims_ += report.uncheckable_claims;
  surrogates_ += report.surrogate() ? 1 : 0;
}

void GroundingFunnel::add(const GroundingFunnel& other) {
  replies_ += other.replies_;
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  true_claims_ += other.true_claims_;
  false_claims_ += other.false_claims_;
  uncheckable_claims_ += other.uncheckable_claims_;
  surrogates_ += other.surrogates_;
}

nlohmann::ordered_json GroundingFunnel::to_json() const {
  OrderedJson dropped = OrderedJson::object();
  for (size_t i = 0; i + 1 < kFilterStages; ++i) dropped[kNames[i]] = counts_[i];
  return {
      {"replies", replies_},
      {"dropped", std::move(dropped)},
      {"kept", kept()},
      {"claims",
       {{"true", true_claims_}, {"false", false_claims_}, {"uncheckable", uncheckable_claims_}}},
      {"surrogates", surrogates_}};
}

std::string GroundingFunnel::to_table() const {
  std::string table = fmt::format("{:<12}  {:>8}  {:>8}\n", "stage", "dropped", "left");
  int64_t left = replies_;
  table += fmt::format("{:<12}  {:>8}  {:>8}\n", "replies", "", left);
  for (size_t i = 0; i + 1 < kFilterStages; ++i) {
    left -= counts_[i];
    table += fmt::format("{:<12}  {:>8}  {:>8}\n", kNames[i], counts_[i], left);
  }
  return table;
}

}  // namespace stapes::reward
