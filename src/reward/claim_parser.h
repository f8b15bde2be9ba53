// For claims.cc: the two readers of claims, and what they share.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reward/claims.h"
#include "reward/words.h"

namespace stapes::reward {

// A sentence that is read, with the text it stands in.
struct ReadSentence {
  std::string_view text;  // the whole thought
  std::span<const Word> words;

  const std::string& word(size_t index) const {
    static const std::string kNone;
    return index < words.size() ? words[index].text : kNone;
  }
  // The claim of words[first, last], whose value is words[value_first, value_last].
  Claim claim(ClaimKind kind, size_t first, size_t last, size_t value_first,
              size_t value_last) const {
    Claim claim{.kind = kind};
    claim.begin = words[first].begin;
    claim.end = words[last].end;
    claim.value_begin = words[value_first].begin;
    claim.value_end = words[value_last].end;
    return claim;
  }
  // The sign between words[index] and the next word: ',' if there is one, else '(' or ':' or ' '.
  char separator_after(size_t index) const;
};

// "c4", "c#4", "db3" as they stand in the text, with a capital letter there.
bool is_note_name(const ReadSentence& sentence, size_t index);
// "hz", "seconds", "beeps", ...: what a number before it would belong to.
bool is_unit(const std::string& word);
bool is_countable(const std::string& word);
// "beep" for "beeps"; nothing for other words.
std::optional<std::string> countable_of(const std::string& word);
// "up", "rises", "ascending", "higher": kRises; and so on; kNone for other words.
Course course_of_word(const std::string& word);

// Whether words[index] is denied: a "not", "no", "never", "without" or "...n't" up to `reach` words
// before it in its clause.
bool is_denied(const ReadSentence& sentence, size_t index, size_t reach = 4);
bool is_rough(const ReadSentence& sentence, size_t index);

// Items of lists: ordinals with digits, notes, levels and voices.
void read_list_items(const ReadSentence& sentence, std::vector<Claim>& claims);
// Phrases about properties: courses, numbers with units, pauses, noise, timbre, voices.
void read_courses(const ReadSentence& sentence, std::vector<Claim>& claims);
void read_measures(const ReadSentence& sentence, std::vector<Claim>& claims);
void read_counts(const ReadSentence& sentence, std::vector<Claim>& claims);
void read_presences(const ReadSentence& sentence, std::vector<Claim>& claims);
void read_comparisons(const ReadSentence& sentence, std::vector<Claim>& claims);

}  // namespace stapes::reward
