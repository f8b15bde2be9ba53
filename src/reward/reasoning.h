// Whether a reply reasons at all: the 0.2 of the audio reward, as a declared rule.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "reward/reply.h"

namespace stapes::reward {

// What counts as reasoning. A bonus for any thought is taken by thoughts of one token, so the
// policy must not be free to choose the cheapest form: the keys are part of the recipe.
struct ReasoningRule {
  int min_words = 4;           // runs of letters or digits; a Chinese character is a word
  int min_distinct_words = 3;  // "so so so so so" is no reasoning
  int64_t min_tokens = 0;      // 0: tokens are not asked for; checked where the caller knows them
  bool must_close = true;      // a thought that was cut off does not count
  // The thought must have this many words beside those of the answer: the answer said twice is no
  // reasoning.
  int min_words_beside_answer = 2;
};

struct ReasoningPresence {
  bool present = false;
  std::string reason;  // why not
};
ReasoningPresence reasoning_present(const Reply& reply, const ReasoningRule& rule = {},
                                    std::optional<int64_t> thinking_tokens = std::nullopt);

}  // namespace stapes::reward
