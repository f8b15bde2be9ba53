// Keys of a recipe that are given on the command line: --set optimizer.seed=2.
#pragma once

#include <string>
#include <vector>

namespace stapes::train {

// The recipe's TOML with these keys set, in order; tables in between are made where they are
// missing, and a list is replaced as a whole. Each is KEY=VALUE: a dotted key and a TOML value;
// what is no TOML value is taken as a string (name=mine). Without any the text is returned as it
// is, comments included. Throws kUsage (not KEY=VALUE, a key that cannot be one, a table where a
// value stands), kInvalidData (the text is not TOML; `where` names the file).
std::string with_overrides(const std::string& text, const std::string& where,
                           const std::vector<std::string>& overrides);

}  // namespace stapes::train
