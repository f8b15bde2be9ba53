// What the model itself thought of a token: log-softmax of its logits, before temperature,
// penalties and cuts.
#pragma once

#include <span>

#include "stapes/engine.h"
#include "text/tokenizer.h"

namespace stapes {

// logits: [V], V >= tokenizer.size(); rows beyond the tokenizer's do not count. The `top` most
// likely tokens, of equal ones the lower id first. `thinking` is the caller's to fill in.
GeneratedToken token_logprobs(const Tokenizer& tokenizer, std::span<const float> logits,
                              TokenId chosen, int top);

}  // namespace stapes
