#include "reward/expression.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <numbers>
#include <vector>

#include "base/rng.h"

namespace stapes::reward {
namespace {

constexpr size_t kLongest = 2000;
constexpr int kDeepest = 100;
constexpr size_t kLetters = 52;

size_t slot_of(char letter) {
  return letter >= 'a' ? static_cast<size_t>(letter - 'a') : 26 + static_cast<size_t>(letter - 'A');
}

}  // namespace

struct Expression::Node {
  // A number, a letter, or an operator; '~' is the negative, functions have letters of their own.
  enum class Kind { kNumber, kVariable, kOperator, kFunction } kind = Kind::kNumber;
  double number = 0;
  char sign = 0;  // operator or variable
  double (*function)(double) = nullptr;
  std::unique_ptr<Node> left, right;

  double value(const double* values) const {
    switch (kind) {
      case Kind::kNumber:
        return number;
      case Kind::kVariable:
        return values[slot_of(sign)];
      case Kind::kFunction:
        return function(left->value(values));
      case Kind::kOperator:
        break;
    }
    const double a = left->value(values);
    if (sign == '~') return -a;
    const double b = right->value(values);
    switch (sign) {
      case '+':
        return a + b;
      case '-':
        return a - b;
      case '*':
        return a * b;
      case '/':
        return b == 0 ? std::numeric_limits<double>::quiet_NaN() : a / b;
      default:
        return std::pow(a, b);
    }
  }
};

namespace {

using Node = Expression::Node;

struct Function {
  std::string_view name;
  double (*apply)(double);
};
constexpr std::array<Function, 8> kFunctions = {{
    {"sqrt", [](double x) { return std::sqrt(x); }},
    {"abs", [](double x) { return std::abs(x); }},
    {"sin", [](double x) { return std::sin(x); }},
    {"cos", [](double x) { return std::cos(x); }},
    {"tan", [](double x) { return std::tan(x); }},
    {"exp", [](double x) { return std::exp(x); }},
    {"log", [](double x) { return std::log10(x); }},
    {"ln", [](double x) { return std::log(x); }},
}};

// LaTeX and typography in plain signs; \frac keeps its name for the parser.
std::string plain(std::string_view text) {
  struct Pair {
    std::string_view from, to;
  };
  static constexpr std::array<Pair, 24> kPairs = {{
      {"\\left", ""},      {"\\right", ""},       {"\\cdot", "*"},       {"\\times", "*"},
      {"\\div", "/"},      {"\\dfrac", "\\frac"}, {"\\tfrac", "\\frac"}, {"\\pi", " pi "},
      {"\\sqrt", " sqrt"}, {"\\sin", " sin"},     {"\\cos", " cos"},     {"\\tan", " tan"},
      {"\\ln", " ln"},     {"\\log", " log"},     {"\\exp", " exp"},     {"\\,", " "},
      {"\\!", ""},         {"\\;", " "},          {"**", "^"},           {"\xE2\x88\x92", "-"},
      {"\xC3\x97", "*"},   {"\xC3\xB7", "/"},     {"\xCF\x80", " pi "},  {"$", ""},
  }};
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const auto pair = std::ranges::find_if(
        kPairs, [&](const Pair& p) { return text.substr(i).starts_with(p.from); });
    if (pair == kPairs.end()) {
      out += text[i++];
      continue;
    }
    out += pair->to;
    i += pair->from.size();
  }
  return out;
}

class Parser {
 public:
  explicit Parser(std::string text) : text_(std::move(text)) {}

  std::unique_ptr<Node> parse() {
    auto node = sum();
    skip_spaces();
    if (node && at_ < text_.size())
      return fault("'" + std::string(1, text_[at_]) + "' is not expected");
    return node;
  }
  const std::string& error() const { return error_; }
  std::string variables() {
    std::ranges::sort(variables_);
    variables_.erase(std::ranges::unique(variables_).begin(), variables_.end());
    return variables_;
  }

 private:
  std::unique_ptr<Node> fault(const std::string& what) {
    if (error_.empty()) error_ = what;
    return nullptr;
  }
  void skip_spaces() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  char peek() {
    skip_spaces();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    skip_spaces();
    if (!std::string_view(text_).substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  static std::unique_ptr<Node> binary(char sign, std::unique_ptr<Node> a, std::unique_ptr<Node> b) {
    if (!a || !b) return nullptr;
    auto node = std::make_unique<Node>();
    node->kind = Node::Kind::kOperator;
    node->sign = sign;
    node->left = std::move(a);
    node->right = std::move(b);
    return node;
  }
  static std::unique_ptr<Node> constant(double value) {
    auto node = std::make_unique<Node>();
    node->number = value;
    return node;
  }

  std::unique_ptr<Node> sum() {
    if (++depth_ > kDeepest) return fault("it is nested too deeply");
    auto node = product();
    while (node) {
      if (take('+'))
        node = binary('+', std::move(node), product());
      else if (take('-'))
        node = binary('-', std::move(node), product());
      else
        break;
    }
    --depth_;
    return node;
  }

  std::unique_ptr<Node> product() {
    auto node = power();
    while (node) {
      if (take('*')) {
        node = binary('*', std::move(node), power());
      } else if (take('/')) {
        node = binary('/', std::move(node), power());
      } else if (const char c = peek();
                 std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '(' || c == '\\') {
        // "2x", "3(x + 1)": but two numbers side by side are no product.
        if (std::isdigit(static_cast<unsigned char>(c)) != 0)
          return fault("two numbers stand side by side");
        node = binary('*', std::move(node), power());
      } else {
        break;
      }
    }
    return node;
  }

  std::unique_ptr<Node> power() {
    if (++depth_ > kDeepest) return fault("it is nested too deeply");
    std::unique_ptr<Node> node;
    if (take('-')) {
      node = std::make_unique<Node>();
      node->kind = Node::Kind::kOperator;
      node->sign = '~';
      node->left = power();
      if (!node->left) node = nullptr;
    } else if (take('+')) {
      node = power();
    } else {
      node = atom();
      if (node && take('^')) node = binary('^', std::move(node), power());
    }
    --depth_;
    return node;
  }

  std::unique_ptr<Node> atom() {
    const char c = peek();
    if (c == '(' || c == '{' || c == '[') {
      ++at_;
      auto node = sum();
      const char close = c == '(' ? ')' : c == '{' ? '}' : ']';
      if (node && !take(close)) return fault(std::string("'") + close + "' is missing");
      return node;
    }
    if (std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.') return number();
    if (take_word("\\frac")) {
      auto top = atom();
      return binary('/', std::move(top), atom());
    }
    for (const Function& function : kFunctions) {
      if (!take_word(function.name)) continue;
      auto node = std::make_unique<Node>();
      node->kind = Node::Kind::kFunction;
      node->function = function.apply;
      if (++depth_ > kDeepest) return fault("it is nested too deeply");
      node->left = atom();
      --depth_;
      return node->left ? std::move(node) : nullptr;
    }
    if (take_word("pi")) return constant(std::numbers::pi);
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) return letter();
    return fault(c == '\0' ? std::string("it ends too early")
                           : "'" + std::string(1, c) + "' is not expected");
  }

  std::unique_ptr<Node> number() {
    const size_t begin = at_;
    std::string digits;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      // 1,000: a comma between a digit and three digits.
      const bool comma = c == ',' && !digits.empty() && groups_of_three(at_);
      if (std::isdigit(static_cast<unsigned char>(c)) == 0 && c != '.' && !comma) break;
      if (!comma) digits += c;
      ++at_;
    }
    char* end = nullptr;
    const double value = std::strtod(digits.c_str(), &end);
    if (end != digits.c_str() + digits.size())
      return fault("'" + text_.substr(begin, at_ - begin) + "' is no number");
    return constant(value);
  }
  bool groups_of_three(size_t comma) const {
    size_t digits = 0;
    while (comma + 1 + digits < text_.size() &&
           std::isdigit(static_cast<unsigned char>(text_[comma + 1 + digits])) != 0)
      ++digits;
    return digits == 3;
  }

  std::unique_ptr<Node> letter() {
    const char c = text_[at_];
    const bool alone =
        at_ + 1 >= text_.size() || std::isalpha(static_cast<unsigned char>(text_[at_ + 1])) == 0;
    size_t letters = 0;
    while (at_ + letters < text_.size() &&
           std::isalpha(static_cast<unsigned char>(text_[at_ + letters])) != 0)
      ++letters;
    // "xy" is a product of two; a word is none.
    if (letters > 3) return fault("'" + text_.substr(at_, letters) + "' is a word");
    ++at_;
    if (c == 'e' && alone) return constant(std::numbers::e);
    auto node = std::make_unique<Node>();
    node->kind = Node::Kind::kVariable;
    node->sign = c;
    variables_ += c;
    return node;
  }

  std::string text_;
  size_t at_ = 0;
  int depth_ = 0;
  std::string error_;
  std::string variables_;
};

bool close(double a, double b, double tolerance) {
  return std::abs(a - b) <= tolerance * std::max({1e-9, std::abs(a), std::abs(b)}) ||
         std::abs(a - b) < 1e-12;
}

}  // namespace

Expression::Expression() = default;
Expression::Expression(Expression&&) noexcept = default;
Expression& Expression::operator=(Expression&&) noexcept = default;
Expression::~Expression() = default;

std::optional<Expression> Expression::parse(std::string_view text, std::string& error) {
  if (text.size() > kLongest) {
    error = "it is longer than 2,000 characters";
    return std::nullopt;
  }
  Parser parser(plain(text));
  Expression expression;
  expression.root_ = parser.parse();
  if (!expression.root_) {
    error = parser.error();
    return std::nullopt;
  }
  expression.variables_ = parser.variables();
  return expression;
}

const std::string& Expression::variables() const {
  return variables_;
}

double Expression::value(const double* values) const {
  return root_->value(values);
}

std::optional<bool> are_equal(const Expression& a, const Expression& b, double relative_tolerance) {
  constexpr uint64_t kPoints = 12;
  constexpr int kFewest = 4;
  std::array<double, kLetters> values{};
  if (a.variables().empty() && b.variables().empty()) {
    const double x = a.value(values.data()), y = b.value(values.data());
    if (!std::isfinite(x) || !std::isfinite(y)) return std::nullopt;
    return close(x, y, relative_tolerance);
  }
  int compared = 0;
  for (uint64_t point = 0; point < kPoints; ++point) {
    Rng rng(20, 5, point);
    for (double& value : values) value = rng.uniform(0.3, 2.7);
    const double x = a.value(values.data()), y = b.value(values.data());
    if (!std::isfinite(x) && !std::isfinite(y)) continue;
    if (!std::isfinite(x) || !std::isfinite(y)) return false;
    if (!close(x, y, std::max(relative_tolerance, 1e-9))) return false;
    ++compared;
  }
  if (compared < kFewest) return std::nullopt;
  return true;
}

}  // namespace stapes::reward
