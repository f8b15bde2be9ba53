// Formulas, read and compared.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace stapes::reward {

// + - * / ^ with the usual precedence, implicit products ("2x", "3(x+1)"), parentheses, one-letter
// variables, sqrt, abs, sin, cos, tan, ln, log (to base 10), exp, pi, e; LaTeX forms of these
// (\frac{a}{b}, \sqrt{x}, \cdot, \times, \left( \right), x^{2}, \pi, $...$). At most 2,000
// characters, nested 100 deep. `error`: what is wrong, in words.
class Expression {
 public:
  static std::optional<Expression> parse(std::string_view text, std::string& error);
  Expression(Expression&&) noexcept;
  Expression& operator=(Expression&&) noexcept;
  ~Expression();

  // Letters of the variables, in order of the alphabet.
  const std::string& variables() const;
  // values[i] for variables letter 'a' + i (upper case behind: 26 + i). NaN where it is undefined.
  double value(const double* values) const;

  struct Node;

 private:
  Expression();
  std::unique_ptr<Node> root_;
  std::string variables_;
};

// Whether both have the same value: of constants within the tolerance, of formulas with variables
// at 12 fixed points (those where both are undefined do not count; at least 4 must be left).
// Nothing if that cannot be said.
std::optional<bool> are_equal(const Expression& a, const Expression& b, double relative_tolerance);

}  // namespace stapes::reward
