// What the end of a thought comes to.
#pragma once

#include <string>
#include <string_view>

#include "reward/coherence.h"

namespace stapes::reward {

// As check_coherence() says. `reason`: for kNo, what the thought comes to instead.
Support conclusion_supports(std::string_view thought, std::string_view answer,
                            std::string_view question, std::string& reason);

}  // namespace stapes::reward
