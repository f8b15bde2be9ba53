// What value an answer gives: where several are named, the one that is marked as final.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stapes::reward {

// The number that an answer gives; nothing if there is none or there are several different ones
// (`why_not` says which). Understood: signs, decimals, "1,234", "3/4", "1e-3", a number in words
// where no digits are; units and percent signs are left aside. Numbers that belong to a name
// ("H2O", "x_1", "m^2") and ordinals are none. Marked as final: behind "answer is", "answer:",
// "####", in \boxed{}; behind "x =" ; or behind the last "=" of a calculation that ends the answer.
std::optional<double> number_in_answer(std::string_view answer, std::string& why_not);

// The formula: what is marked as final, or else all of a one-line answer; of an equation "x = ..."
// the right side.
std::optional<std::string> formula_in_answer(std::string_view answer, std::string& why_not);

// The index of the choice. Read in this order: what is marked ("answer is B", "option (c)"); the
// whole answer; a letter at the beginning ("B. dog", "(B)"), unless the text of another choice
// follows; the one choice whose text is named. A letter inside of a sentence is a word.
std::optional<size_t> choice_in_answer(std::string_view answer,
                                       const std::vector<std::string>& choices,
                                       std::string& why_not);

}  // namespace stapes::reward
