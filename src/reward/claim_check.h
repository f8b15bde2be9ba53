// Claims held against what is known.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "reward/claims.h"
#include "reward/facts.h"

namespace stapes::reward {

enum class Verdict : uint8_t { kTrue, kFalse, kUncheckable };
const char* name(Verdict verdict);

struct CheckedClaim {
  Claim claim;
  Verdict verdict = Verdict::kUncheckable;
  std::string reason;  // "the third digit is 1", "pitch is not known to go one way"
};

// Where a claim is neither clearly right nor clearly wrong it is uncheckable; between the two lies
// a margin. Right | wrong:
//   digits, voices, notes of the world, counts of its events: exactly | else
//   count of sounds in a recording: of those found, or of onsets | off by more than 1 and by more
//     than a fifth (a sound may be cut in two or joined with its neighbour)
//   "about N": within a fifth | beyond
//   pitch in Hz, note by name: within 60 cents (a quarter tone and what a note may be out of tune)
//     of any event | over 150 cents from all
//   level: within 2 dB of what is known of a world's clip (thoughts count in steps of 3 dB), 3 dB
//     measured | over 4 dB, 6 dB
//   tempo: within 8 % or its double or half (as beats are scored; MIREX) | else, or no beat at all
//   pause, duration: within a quarter or 0.15 s (estimates of a second are no better) | else
//   louder, higher, longer: by 1.5 dB, 0.5 semitone, a tenth | the other way by as much
//   a course: as known | the other way, or steady where it was said to move and the reverse; what
//     varies is neither
//   noise: 30 dB or less below the sound | 50 dB or more, or none
Verdict check_claim(const Claim& claim, const Facts& facts, std::string& reason);

// By the first source that decides; the reason of the last where none does.
CheckedClaim check_claim(const Claim& claim, const Evidence& evidence);
std::vector<CheckedClaim> check_claims(std::span<const Claim> claims, const Evidence& evidence);

}  // namespace stapes::reward
