#include "reward/claims.h"

#include <algorithm>
#include <array>

#include "reward/claim_parser.h"

namespace stapes::reward {
namespace {

using List = std::span<const std::string_view>;

constexpr std::array<std::string_view, 44> kCountables = {
    "beep",   "note",  "tone",  "click",   "tap",     "pulse",    "knock",  "sound",  "bang",
    "chime",  "digit", "word",  "voice",   "speaker", "pause",    "rise",   "clap",   "beat",
    "hit",    "event", "ring",  "bark",    "cough",   "footstep", "person", "number", "syllable",
    "drop",   "fall",  "burst", "whistle", "horn",    "siren",    "drum",   "strike", "instrument",
    "stroke", "step",  "thud",  "blip",    "chirp",   "honk",     "gap",    "silence"};

constexpr std::array<std::string_view, 20> kUnits = {
    "hz",        "hertz",    "khz",    "db",      "dbfs",    "decibels",     "bpm",
    "second",    "seconds",  "s",      "sec",     "ms",      "milliseconds", "percent",
    "semitones", "semitone", "octave", "octaves", "minutes", "times"};

constexpr std::array<std::string_view, 22> kUp = {
    "up",        "rise",   "rises",  "rising",   "rose",    "increase", "increases", "increasing",
    "increased", "climb",  "climbs", "climbing", "ascends", "ascend",   "ascending", "upward",
    "upwards",   "higher", "grows",  "growing",  "louder",  "goes-up"};
constexpr std::array<std::string_view, 24> kDown = {
    "down",       "fall",       "falls",     "falling",   "fell",     "decrease",
    "decreases",  "decreasing", "decreased", "drop",      "drops",    "dropping",
    "dropped",    "decline",    "declines",  "declining", "descends", "descend",
    "descending", "downward",   "downwards", "lower",     "softer",   "quieter"};
constexpr std::array<std::string_view, 9> kEven = {
    "steady", "constant", "flat", "stable", "even", "same", "unchanged", "unchanging", "monotone"};
constexpr std::array<std::string_view, 9> kNegations = {
    "not", "no", "never", "without", "neither", "nor", "cannot", "hardly", "absence"};
constexpr std::array<std::string_view, 8> kRoughly = {
    "about", "around", "approximately", "roughly", "nearly", "some", "approx", "almost"};
// Sentences that ask, suppose or cite.
constexpr std::array<std::string_view, 10> kSuppositions = {
    "if", "whether", "asks", "asked", "question", "could", "might", "would", "options", "choices"};

bool supposes(const Sentence& sentence) {
  if (sentence.ended_by == '?') return true;
  const std::string& first = sentence.words.front().text;
  if (first == "does" || first == "do" || first == "did" || first == "is" || first == "are" ||
      first == "which")
    return true;
  return std::ranges::any_of(sentence.words,
                             [](const Word& word) { return is_any_of(word.text, kSuppositions); });
}

}  // namespace

const char* name(ClaimKind kind) {
  static constexpr std::array<const char*, 20> kNames = {
      "digit", "digits", "speaker",  "same-voice", "one-voice", "note",      "step",
      "level", "count",  "rises",    "highest",    "compare",   "course",    "pitch-hz",
      "tempo", "pause",  "duration", "timbre",     "noise",     "impression"};
  return kNames[static_cast<size_t>(kind)];
}

char ReadSentence::separator_after(size_t index) const {
  if (index + 1 >= words.size()) return ' ';
  const std::string_view between =
      text.substr(words[index].end, words[index + 1].begin - words[index].end);
  for (const char sign : {',', '(', ':', '=', '<', '>', '+'})
    if (between.find(sign) != std::string_view::npos) return sign;
  return ' ';
}

bool is_note_name(const ReadSentence& sentence, size_t index) {
  const std::string& word = sentence.word(index);
  if (word.size() < 2 || word.size() > 3) return false;
  const char letter = sentence.text[sentence.words[index].begin];
  const bool accidental = word.size() == 3;
  return letter >= 'A' && letter <= 'G' && word.back() >= '0' && word.back() <= '8' &&
         (!accidental || word[1] == '#' || word[1] == 'b');
}

bool is_unit(const std::string& word) {
  return is_any_of(word, kUnits);
}

std::optional<std::string> countable_of(const std::string& word) {
  if (word == "people") return "person";
  if (is_any_of(word, kCountables)) return word;
  if (word.size() > 2 && word.back() == 's' &&
      is_any_of(word.substr(0, word.size() - 1), kCountables))
    return word.substr(0, word.size() - 1);
  return std::nullopt;
}

bool is_countable(const std::string& word) {
  return countable_of(word).has_value();
}

Course course_of_word(const std::string& word) {
  if (is_any_of(word, kUp)) return Course::kRises;
  if (is_any_of(word, kDown)) return Course::kFalls;
  if (is_any_of(word, kEven)) return Course::kSteady;
  return Course::kNone;
}

bool is_denied(const ReadSentence& sentence, size_t index, size_t reach) {
  for (size_t step = 1; step <= std::min(reach, index); ++step) {
    if (sentence.separator_after(index - step) == ',') return false;
    const std::string& word = sentence.word(index - step);
    if (word == "but" || word == "only" || word == "just") return false;
    if (is_any_of(word, kNegations) || word.ends_with("n't")) return true;
  }
  return false;
}

bool is_rough(const ReadSentence& sentence, size_t index) {
  return index > 0 && is_any_of(sentence.word(index - 1), kRoughly);
}

std::vector<Claim> parse_claims(std::string_view thought) {
  // Runaway text without a full stop says nothing that could be checked, and some readers look back
  // over the whole sentence.
  constexpr size_t kLongestSentence = 400;
  const Quotations quotations(thought);
  std::vector<Claim> claims;
  for (const Sentence& sentence : sentences_of(thought)) {
    if (sentence.words.size() > kLongestSentence || supposes(sentence)) continue;
    std::vector<Claim> found;
    const ReadSentence read{thought, sentence.words};
    read_list_items(read, found);
    read_comparisons(read, found);
    read_courses(read, found);
    read_measures(read, found);
    read_counts(read, found);
    read_presences(read, found);
    std::erase_if(found, [&](const Claim& claim) { return quotations.cover(claim.begin); });
    std::ranges::stable_sort(found, {}, &Claim::begin);
    claims.insert(claims.end(), found.begin(), found.end());
  }
  return claims;
}

}  // namespace stapes::reward
