// Names from a file as they may stand in a message.
#pragma once

#include <string>

namespace stapes {

// Quoted, escaped to printable ASCII, and not endless.
std::string quoted_name(const std::string& text);

}  // namespace stapes
