// What one sample of a request came to, tokens included.
#pragma once

#include <vector>

#include "stapes/engine.h"
#include "text/tokenizer.h"

namespace stapes {

struct Generation {
  Result result;
  std::vector<TokenId> prompt_ids;
  std::vector<TokenId> ids;  // generated; the closing of a thought and the stop token included
  // Only where SamplingOptions::logprobs asks for it: of each of `ids` what GeneratedToken says,
  // the stop token's too; NaN where the token was not the model's choice.
  std::vector<double> logprobs;
};

}  // namespace stapes
