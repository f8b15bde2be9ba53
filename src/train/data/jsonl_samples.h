// What a row of JSON lines becomes for supervised training.
#pragma once

#include <filesystem>
#include <vector>

#include "train/data/example.h"
#include "train/data/jsonl_rows.h"

namespace stapes::train {

// An assistant's text as the release writes it, "<think>\nTHINKING\n</think>\nANSWER"; newlines
// around the thought do not matter, and the opening tag may be missing, as in what the release's
// template makes it write. A reply without a thought gets the empty one. Throws kInvalidData (a
// thought that is not closed, no answer after it).
Reply read_reply(const std::string& text, EmptyThought empty);

// One question for every message in the loss; messages after the last of them are left out. Throws
// kInvalidData (file, line; the last message is not the assistant's, nothing is in the loss, what
// is in the loss is not text).
std::vector<Question> questions_of(const JsonlRow& row, const std::filesystem::path& file,
                                   EmptyThought empty);

}  // namespace stapes::train
