// Rules for a thought about sound: it names what is heard, and it leans on no text that nobody
// gave.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "reward/claims.h"

namespace stapes::reward {

struct GroundingRules {
  // Which words were said counts as heard ("First I hear 3, second 7"), and as a true claim about
  // the sound. For questions about how something is said this must be off: there the words are the
  // short cut.
  bool heard_words_count = true;
  // Reasoning from the meaning of what is said ("the words are sad, so ...") is a surrogate, too.
  bool words_are_surrogate = false;
};

struct RuleFinding {
  bool passed = false;
  std::string reason;         // what was found, or that nothing was
  size_t begin = 0, end = 0;  // where: bytes in the thought; both 0: nowhere
};

// Whether a claim is about which words are said, or how many.
bool is_about_words(const Claim& claim);

// At least one perceptual property is named: pitch, tempo, loudness, timbre, pauses, voice,
// background, ... by a word for it (English or Chinese) or by a claim about the sound.
RuleFinding names_heard_property(std::string_view thought, std::span<const Claim> claims,
                                 const GroundingRules& rules = {});

// Fails on a "textual surrogate": reasoning that says it reads the sound's content from a
// transcript, caption, lyrics, subtitles, description or other text ("according to the transcript",
// "the caption says"). That there is none ("no transcript is given") does not fail.
RuleFinding leans_on_no_text(std::string_view thought, const GroundingRules& rules = {});

}  // namespace stapes::reward
