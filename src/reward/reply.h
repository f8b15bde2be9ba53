// A model's reply as graders see it.
#pragma once

#include <string>
#include <string_view>

#include "text/think_splitter.h"

namespace stapes::reward {

// As the one think/answer splitter divides it; `closed` says that the thought came to its end.
using Reply = ThinkingAndAnswer;

// thinking_open: the prompt has opened the thought, as the release's generation prompt does, so no
// start marker is expected in the completion.
Reply split_reply(std::string_view completion, bool thinking_open = true);

// The answer as graders read it: white space at both ends, <answer>...</answer> or \boxed{...}
// around all of it, and a pair of ** or ` around all of it are taken off.
std::string bare_answer(std::string_view answer);

// What no answer may hold, whatever its grader: a marker of thinking (a second thought, or a
// thought whose end was written twice), a control token of the chat format, or a JSON object that
// is not itself asked for (the release is known to go on with foreign records). Empty: nothing of
// the kind; else what was found.
std::string malformed_part(std::string_view answer);

}  // namespace stapes::reward
