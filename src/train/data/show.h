// A sample as people can check it: what is in the loss, what is sound, what is a control token.
#pragma once

#include <string>

#include "train/data/example.h"

namespace stapes::train {

struct ShowStyle {
  bool colour = false;  // of a terminal; else what is in the loss stands between ⟦ and ⟧
};

// One line about the sample (where it comes from, tokens, tokens in the loss, clips), then its
// tokens as text. Control tokens are printed by their names; where text of the sample looks like
// one, a backslash stands before it. Bytes that are not UTF-8 and characters that could move a
// terminal's cursor or change the order of reading are printed as escapes. Several segments follow
// each other with a line between them.
std::string show_example(const Tokenizer& tokenizer, const TrainingExample& example,
                         const ShowStyle& style = {});

// The same escapes, for other text that a sample holds.
std::string printable(std::string_view text);

}  // namespace stapes::train
