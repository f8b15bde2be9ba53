// Whether a thought hangs together: each step follows, and its end gives the answer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reward/claims.h"

namespace stapes::reward {

enum class Support : uint8_t {
  kYes,
  kNo,
  kUndecided,  // rules cannot tell; a judge may
};

struct Coherence {
  bool steps_follow = true;
  Support gives_answer = Support::kUndecided;
  std::vector<std::string> reasons;  // for every step that does not follow, and for kNo
  bool coherent() const { return steps_follow && gives_answer != Support::kNo; }
};

// Steps that are checked, of the thought against itself and not against the sound:
// - calculations ("3 + 7 = 10"; + - * x /) are right, and a running sum goes on from its last
// result
//   ("10 + 1 = 11") over the digits that the thought says it heard, in their order;
// - comparisons ("3 < 7, so 7") are right and draw the larger one;
// - directions follow from the notes named ("First E4; second G4, up"), and so do the running count
//   of rises and the best note so far;
// - voices are the same or others as their names are;
// - the number of things listed is the number that "makes", and a tally ("1, 2, 3. That makes 3
//   beats.") goes up one by one to it;
// - no property is said to go two ways, and no thing counted twice differently, without a "then".
// The end gives the answer if the thought's last sentence does: the number it comes to, the list of
// digits, the word ("The loudness rises." for "rise"), "the voice stays the same" for a yes to a
// question about one voice. A list alone comes to no single number. It does not if the last
// sentence comes to another number or says the opposite word.
Coherence check_coherence(std::string_view thought, std::string_view answer,
                          std::string_view question = {});

}  // namespace stapes::reward
