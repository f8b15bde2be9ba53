// Texts made alike before they are compared.
#pragma once

#include <string>
#include <string_view>

namespace stapes {

// Lower case (ASCII), white space, commas and semicolons become one space, none at the ends, and no
// full stop at the end.
std::string normalized_answer(std::string_view answer);

}  // namespace stapes
