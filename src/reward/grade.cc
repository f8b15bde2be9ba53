#include "reward/grade.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/fail.h"
#include "reward/answer_reading.h"
#include "reward/expression.h"
#include "reward/normal_text.h"

namespace stapes::reward {
namespace {

constexpr std::array<const char*, 5> kKinds = {"number", "expression", "choice", "exact",
                                               "normalized"};
// An answer is short; what follows after this is no longer one.
constexpr size_t kLongestAnswerBytes = 8000;

Grade wrong(std::string reason, std::string found = {}) {
  return {.score = 0, .found = std::move(found), .reason = std::move(reason)};
}
Grade no_score(std::string reason) {
  return {.score = std::nullopt, .found = {}, .reason = std::move(reason)};
}
Grade compared(bool right, std::string found) {
  return {.score = right ? 1 : 0,
          .found = std::move(found),
          .reason = right ? std::string() : std::string("another answer")};
}

Grade grade_number(const std::string& answer, const ExpectedAnswer& expected) {
  std::string why_not;
  const auto truth = number_in_answer(expected.text, why_not);
  if (!truth) return no_score("the expected answer is no number: " + why_not);
  const auto found = number_in_answer(answer, why_not);
  if (!found) return wrong(why_not);
  const double scale = std::max({std::abs(*truth), std::abs(*found), 1e-12});
  return compared(std::abs(*found - *truth) <= expected.relative_tolerance * scale,
                  fmt::format("{}", *found));
}

Grade grade_expression(const std::string& answer, const ExpectedAnswer& expected) {
  std::string error;
  const auto truth = Expression::parse(bare_answer(expected.text), error);
  if (!truth) return no_score("the expected answer is no formula: " + error);
  const auto text = formula_in_answer(answer, error);
  if (!text) return wrong(error);
  const auto found = Expression::parse(*text, error);
  if (!found) return wrong("no formula: " + error, *text);
  const auto equal = are_equal(*truth, *found, expected.relative_tolerance);
  if (!equal) return wrong("the formulas cannot be compared", *text);
  return compared(*equal, *text);
}

std::optional<size_t> expected_choice(const ExpectedAnswer& expected) {
  const std::string wanted = normalized_answer(expected.text);
  for (size_t i = 0; i < expected.choices.size(); ++i)
    if (normalized_answer(expected.choices[i]) == wanted) return i;
  if (wanted.size() != 1 || wanted[0] < 'a') return std::nullopt;
  const auto index = static_cast<size_t>(wanted[0] - 'a');
  return index < expected.choices.size() ? std::optional(index) : std::nullopt;
}

Grade grade_choice(const std::string& answer, const ExpectedAnswer& expected) {
  if (expected.choices.size() < 2 || expected.choices.size() > 26)
    return no_score(fmt::format("expected 2 to 26 choices, got {}", expected.choices.size()));
  const auto truth = expected_choice(expected);
  if (!truth) return no_score("the expected answer is none of the choices");
  std::string why_not;
  const auto found = choice_in_answer(answer, expected.choices, why_not);
  if (!found) return wrong(why_not);
  return compared(*found == *truth, expected.choices[*found]);
}

Grade grade_text(const std::string& answer, const ExpectedAnswer& expected) {
  if (expected.kind == AnswerKind::kExact)
    return compared(answer == bare_answer(expected.text), answer);
  const std::string truth = normalized_answer(expected.text);
  if (truth.empty()) return no_score("the expected answer is empty");
  const std::string found = normalized_answer(answer);
  return compared(found == truth, found);
}

}  // namespace

const char* name(AnswerKind kind) {
  return kKinds[static_cast<size_t>(kind)];
}

AnswerKind answer_kind_by_name(const std::string& wanted) {
  for (size_t i = 0; i < kKinds.size(); ++i)
    if (wanted == kKinds[i]) return static_cast<AnswerKind>(i);
  fail(ErrorCode::kUsage, "expected a kind of answer ({}), got \"{}\"", fmt::join(kKinds, ", "),
       wanted);
}

Grade grade_answer(const Reply& reply, const ExpectedAnswer& expected) {
  if (!reply.closed && !reply.thinking.empty()) return wrong("the thought was not closed");
  const std::string answer = bare_answer(reply.answer);
  if (answer.empty()) return wrong("the answer is empty");
  if (answer.size() > kLongestAnswerBytes)
    return wrong(fmt::format("the answer has {} bytes", answer.size()));
  const bool json_wanted = expected.text.find('{') != std::string::npos;
  if (const std::string part = malformed_part(reply.answer);
      !part.empty() && !(json_wanted && part.find("JSON") != std::string::npos))
    return wrong(part);
  switch (expected.kind) {
    case AnswerKind::kNumber:
      return grade_number(answer, expected);
    case AnswerKind::kExpression:
      return grade_expression(answer, expected);
    case AnswerKind::kChoice:
      return grade_choice(answer, expected);
    case AnswerKind::kExact:
    case AnswerKind::kNormalized:
      return grade_text(answer, expected);
  }
  return no_score("of no known kind");
}

}  // namespace stapes::reward
