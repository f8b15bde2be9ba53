// Graders of answers: pure functions of a reply and what was expected.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reward/reply.h"

namespace stapes::reward {

enum class AnswerKind : uint8_t {
  kNumber,      // "1,234.5", "-3/4", "12 %", "twenty-three", one number with or without a unit
  kExpression,  // equal as a formula: "3/4" and "0.75", "x^2+2x+1" and "(x+1)^2", LaTeX or plain
  kChoice,      // a letter or a text of the choices
  kExact,       // byte for byte, but for white space at the ends
  kNormalized,  // as normalized_answer() makes alike
};
AnswerKind answer_kind_by_name(const std::string& name);  // "number", ...; throws kUsage
const char* name(AnswerKind kind);

struct ExpectedAnswer {
  AnswerKind kind = AnswerKind::kNormalized;
  std::string text = {};                  // kChoice: one of the choices, or its letter
  std::vector<std::string> choices = {};  // kChoice: two to 26, lettered from A
  double relative_tolerance = 1e-6;       // kNumber, kExpression
};

// No score is not a score of 0: it means that nobody could judge, and such a sample must be left
// out of training instead of counting as wrong.
struct Grade {
  std::optional<double> score;  // 0 or 1 of our own graders; any finite number of the user's
  std::string found;            // what was taken for the answer
  std::string reason;           // why it is wrong, or why there is no score
  bool right() const { return score && *score >= 1; }
};

// What all graders hold to:
// - only the answer behind a closed thought counts, never what stands in the thought;
// - an empty answer, an unclosed thought, and an answer with a malformed_part() are wrong;
// - an answer that names several different values is wrong, unless exactly one of them is marked as
//   final ("the answer is", "= x" at the end, "####", \boxed{}), and the marked ones agree;
// - so naming all options is wrong, and so are two contradicting answers.
// No score: the expected answer itself cannot be read (no number, no choice, no formula).
Grade grade_answer(const Reply& reply, const ExpectedAnswer& expected);

}  // namespace stapes::reward
