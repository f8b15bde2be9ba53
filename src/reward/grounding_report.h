// All checks of one reply in one struct, and the funnel of many: what MGRD keeps and why it drops.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "reward/claim_check.h"
#include "reward/coherence.h"
#include "reward/facts.h"
#include "reward/grade.h"
#include "reward/grounding_rules.h"
#include "reward/judge.h"
#include "reward/reasoning.h"
#include "reward/self_cognition.h"

namespace stapes::reward {

// In the order in which they are asked; a reply is counted at the first that it fails.
enum class FilterStage : uint8_t {
  kWhole,       // the thought was closed and there is an answer
  kReasoning,   // reasoning_present()
  kHears,       // find_refusal() finds none
  kRight,       // graded right; no score is not right
  kNamesSound,  // names_heard_property()
  kNoText,      // leans_on_no_text()
  kTrueClaims,  // no false claim, and enough true ones
  kCoherent,    // check_coherence()
  kJudged,      // the judge says grounded and coherent, where there is one
  kKept,        // none of these dropped it
};
inline constexpr size_t kFilterStages = 10;
const char* name(FilterStage stage);  // "whole", "reasoning", ...

struct GroundingOptions {
  ReasoningRule reasoning = {};
  GroundingRules rules = {};
  // Off: the stage counts, but drops nothing (the control arms of an ablation).
  bool require_right = true;
  bool require_grounded = true;  // names sound, leans on no text, claims true
  bool require_coherent = true;
  int64_t most_false_claims = 0;
  int64_t fewest_true_claims = 1;
  bool undecided_is_coherent = true;   // a thought whose end rules cannot read
  bool no_verdict_is_grounded = true;  // of a judge that gave none
};

struct GroundingInput {
  std::string question;
  Reply reply;
  Evidence evidence = {};                       // facts about the clip, best first; may be empty
  std::optional<ExpectedAnswer> expected = {};  // graded here
  std::optional<Grade> grade = {};              // or graded already; this counts then
  std::optional<int64_t> thinking_tokens = {};
  std::optional<JudgeVerdict> judged = {};
};

struct GroundingReport {
  bool whole = false;
  ReasoningPresence reasoning;
  std::optional<Refusal> refusal;
  std::optional<Grade> grade;
  RuleFinding names_sound;
  RuleFinding no_text;
  std::vector<CheckedClaim> claims;
  int64_t true_claims = 0, false_claims = 0, uncheckable_claims = 0;
  Coherence coherence;
  std::optional<JudgeVerdict> judged;

  FilterStage stage = FilterStage::kWhole;  // where it was dropped, or kKept
  std::string reason;                       // of the drop, in words
  bool kept() const { return stage == FilterStage::kKept; }
  bool surrogate() const { return !no_text.passed; }
};

// A pure function; no judge is asked here. The evidence may be empty: then all claims are
// uncheckable, and fewest_true_claims drops every thought unless it is 0.
GroundingReport check_grounding(const GroundingInput& input, const GroundingOptions& options = {});

nlohmann::ordered_json to_json(const GroundingReport& report);

// How many came to each stage and how many it dropped.
class GroundingFunnel {
 public:
  void add(const GroundingReport& report);
  void add(const GroundingFunnel& other);

  int64_t replies() const { return replies_; }
  int64_t dropped_at(FilterStage stage) const { return counts_[static_cast<size_t>(stage)]; }
  int64_t kept() const { return dropped_at(FilterStage::kKept); }
  int64_t true_claims() const { return true_claims_; }
  int64_t false_claims() const { return false_claims_; }
  int64_t uncheckable_claims() const { return uncheckable_claims_; }
  int64_t surrogates() const { return surrogates_; }

  // {"replies": N, "dropped": {"whole": ...}, "kept": N, "claims": {...}, "surrogates": N}
  nlohmann::ordered_json to_json() const;
  // Aligned lines: stage, dropped, left.
  std::string to_table() const;

 private:
  int64_t replies_ = 0;
  std::array<int64_t, kFilterStages> counts_{};
  int64_t true_claims_ = 0, false_claims_ = 0, uncheckable_claims_ = 0;
  int64_t surrogates_ = 0;
};

}  // namespace stapes::reward
