// Ids that every release of the family shares.
#pragma once

#include <array>
#include <cstdint>

namespace stapes {

// The ends of a turn: <|endoftext|>, <|im_end|>, <|EOT|>. The release's own configuration code adds
// them to what config.json lists.
inline constexpr std::array<int64_t, 3> kReleaseEosTokenIds = {151643, 151645, 151665};

}  // namespace stapes
