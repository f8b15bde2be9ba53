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
};

}  // namespace stapes
