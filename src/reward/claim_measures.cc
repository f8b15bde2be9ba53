// Claims with numbers and claims that something is there: "440 Hz", "about 120 bpm", "a pause of
// one second", "three beeps", "no background noise", "two speakers", "played on a flute".
#include <algorithm>
#include <array>
#include <cmath>

#include "reward/claim_parser.h"

namespace stapes::reward {
namespace {

using Words = std::span<const Word>;

constexpr std::array<std::string_view, 16> kTimbres = {
    "sine",  "triangle", "square", "saw",     "sawtooth", "organ",   "flute",   "plucked",
    "piano", "violin",   "guitar", "trumpet", "clarinet", "marimba", "strings", "cello"};
constexpr std::array<std::string_view, 6> kPauseWords = {"pause", "pauses", "gap",
                                                         "gaps",  "break",  "silence"};
constexpr std::array<std::string_view, 8> kNoiseWords = {"noise", "noisy",   "hiss",    "static",
                                                         "hum",   "crackle", "chatter", "hissing"};
// Part of the whole, so no count of it.
constexpr std::array<std::string_view, 18> kCountedParts = {
    "first", "last",      "next", "other", "another", "these", "those", "both",  "of",
    "final", "remaining", "than", "least", "most",    "over",  "under", "every", "each"};

bool is_seconds(const std::string& word) {
  return word == "s" || word == "sec" || word == "second" || word == "seconds" || word == "ms" ||
         word == "milliseconds";
}
bool is_milli(const std::string& word) {
  return word == "ms" || word == "milliseconds";
}

bool mentions_near(const ReadSentence& sentence, size_t index, size_t reach,
                   std::span<const std::string_view> list) {
  const size_t begin = index - std::min(index, reach);
  const size_t end = std::min(sentence.words.size(), index + reach + 1);
  for (size_t i = begin; i < end; ++i)
    if (is_any_of(sentence.word(i), list)) return true;
  return false;
}

class MeasureReader {
 public:
  MeasureReader(const ReadSentence& sentence, std::vector<Claim>& claims)
      : sentence_(sentence), claims_(claims) {}

  void read() {
    for (size_t i = 0; i < sentence_.words.size(); ++i) {
      const auto number = number_at(sentence_.words, i);
      if (!number) continue;
      read_number(i, *number);
      i += number->count - 1;
    }
  }

 private:
  void read_number(size_t first, const NumberAt& number) {
    const size_t last = first + number.count - 1;
    const std::string& unit = sentence_.word(last + 1);
    if (unit == "hz" || unit == "hertz" || unit == "khz")
      return read_frequency(first, last, number.value * (unit == "khz" ? 1000 : 1));
    if (unit == "bpm" ||
        (unit == "beats" && (sentence_.word(last + 2) == "per" || sentence_.word(last + 2) == "a")))
      return add(ClaimKind::kTempo, first, last + 1, last, number.value);
    static constexpr std::array<std::string_view, 1> kTempoWord = {"tempo"};
    if (!is_unit(unit) && !is_countable(unit) && number.value >= 40 && number.value <= 300 &&
        mentions_near(sentence_, first, 4, kTempoWord))
      return add(ClaimKind::kTempo, first, last, last, number.value);
    if (is_seconds(unit)) read_seconds(first, last, number.value / (is_milli(unit) ? 1000 : 1));
    read_rises(first, last, number.value);
  }

  void read_frequency(size_t first, size_t last, double hz) {
    static constexpr std::array<std::string_view, 6> kOfTheFile = {
        "sample", "sampled", "sampling", "rate", "bandwidth", "centroid"};
    if (mentions_near(sentence_, first, 5, kOfTheFile)) return;
    add(ClaimKind::kPitchHz, first, last + 1, last, hz);
  }

  void read_seconds(size_t first, size_t last, double seconds) {
    static constexpr std::array<std::string_view, 9> kLasting = {
        "lasts", "long", "duration", "length", "lasting", "clip", "recording", "audio", "file"};
    // "a pause of one second", "a one second pause", "one second of silence"
    if (mentions_near(sentence_, last, 4, kPauseWords))
      return add(ClaimKind::kPause, first, last + 1, last, seconds);
    const bool at_a_time =
        first > 0 && (sentence_.word(first - 1) == "at" || sentence_.word(first - 1) == "after");
    if (!at_a_time && mentions_near(sentence_, last, 4, kLasting))
      add(ClaimKind::kDuration, first, last + 1, last, seconds);
  }

  // "rises 3 times", "goes up three times": after the verb, before "times".
  void read_rises(size_t first, size_t last, double count) {
    if (sentence_.word(last + 1) != "times" || first == 0) return;
    if (course_of_word(sentence_.word(first - 1)) != Course::kRises) return;
    add(ClaimKind::kRises, first - 1, last + 1, last, count);
  }

  void add(ClaimKind kind, size_t first, size_t last, size_t value_last, double number) {
    Claim claim = sentence_.claim(kind, first, last, first, value_last);
    claim.number = number;
    claim.rough = is_rough(sentence_, first);
    claim.denied = is_denied(sentence_, first, 3);
    claims_.push_back(claim);
  }

  const ReadSentence& sentence_;
  std::vector<Claim>& claims_;
};

void add_count(const ReadSentence& sentence, size_t first, size_t value_last, size_t thing,
               double number, std::vector<Claim>& claims) {
  const std::string singular = *countable_of(sentence.word(thing));
  const bool rises = singular == "rise";
  Claim claim = sentence.claim(rises ? ClaimKind::kRises : ClaimKind::kCount, first, thing, first,
                               value_last);
  claim.name = singular;
  claim.number = number;
  claim.rough = is_rough(sentence, first);
  claim.denied = is_denied(sentence, first, 3);
  claims.push_back(claim);
}

// "a long pause", "no pauses", "without a pause"; lengths are read with the numbers.
void read_pause(const ReadSentence& sentence, size_t index, std::vector<Claim>& claims) {
  static constexpr std::array<std::string_view, 5> kBorders = {"beginning", "start", "before",
                                                               "end", "after"};
  if (mentions_near(sentence, index, 5, kBorders)) return;
  for (const Claim& claim : claims)
    if (claim.kind == ClaimKind::kPause || claim.kind == ClaimKind::kCount)
      if (sentence.words[index].begin < claim.end + 24 &&
          claim.begin < sentence.words[index].end + 24)
        return;
  const bool plural = sentence.word(index).ends_with("s");
  const std::string& before = sentence.word(index == 0 ? SIZE_MAX : index - 1);
  const bool introduced =
      plural || before == "a" || before == "no" || before == "one" ||
      mentions_near(sentence, index, 2, std::array<std::string_view, 3>{"a", "without", "any"});
  if (!introduced) return;
  const size_t first = index == 0 ? 0 : index - 1;
  Claim claim = sentence.claim(ClaimKind::kPause, first, index, first, index);
  claim.denied = is_denied(sentence, index);
  claims.push_back(claim);
}

void read_noise(const ReadSentence& sentence, size_t index, std::vector<Claim>& claims) {
  Claim claim = sentence.claim(ClaimKind::kNoise, index, index, index, index);
  claim.denied = is_denied(sentence, index);
  claims.push_back(claim);
}

// "the same voice", "one speaker", "the voices differ", "different people"
void read_voices(const ReadSentence& sentence, size_t index, std::vector<Claim>& claims) {
  const std::string& word = sentence.word(index);
  const bool plural = word == "voices" || word == "speakers" || word == "people";
  if (!plural && word != "voice" && word != "speaker" && word != "person") return;
  const size_t begin = index - std::min<size_t>(index, 3);
  const size_t end = std::min(sentence.words.size(), index + 5);
  // An item of a list ("second theo, another voice") was read as such.
  if (std::ranges::any_of(claims, [&](const Claim& claim) {
        return claim.kind == ClaimKind::kSameVoice && claim.end == sentence.words[index].end;
      }))
    return;
  for (size_t i = begin; i < end; ++i) {
    const std::string& near = sentence.word(i);
    const bool same = near == "same" || near == "single" || (near == "one" && !plural);
    const bool differ = plural && (near == "differ" || near == "different");
    const bool changes = !plural && near == "changes" && i > index;
    if (!same && !differ && !changes) continue;
    if (i < index && sentence.separator_after(i) == ',') continue;
    Claim claim =
        sentence.claim(ClaimKind::kOneVoice, std::min(i, index), std::max(i, index), i, i);
    claim.denied = is_denied(sentence, i) != (differ || changes);
    claims.push_back(claim);
    return;
  }
}

// "played on a flute", "a sine wave", "it is a plucked string"
void read_timbre(const ReadSentence& sentence, size_t index, std::vector<Claim>& claims) {
  Claim claim = sentence.claim(ClaimKind::kTimbre, index, index, index, index);
  claim.name = sentence.word(index) == "sawtooth" ? "saw" : sentence.word(index);
  claim.denied = is_denied(sentence, index);
  claims.push_back(claim);
}

// Perceived, but without a measure that all would agree on.
bool is_impression(const ReadSentence& sentence, size_t index) {
  static constexpr std::array<std::string_view, 22> kAdjectives = {
      "male",    "female", "bright",   "dark",  "dull",  "warm", "harsh", "rough",
      "breathy", "nasal",  "hoarse",   "soft",  "loud",  "fast", "slow",  "high",
      "low",     "deep",   "cheerful", "tense", "shaky", "calm"};
  static constexpr std::array<std::string_view, 16> kThings = {
      "voice",  "sound",  "tone",   "timbre", "pitch", "tempo",   "pace",  "note",
      "melody", "speech", "rhythm", "beep",   "music", "speaker", "noise", "pitched"};
  return is_any_of(sentence.word(index), kAdjectives) &&
         is_any_of(sentence.word(index + 1), kThings);
}

}  // namespace

void read_measures(const ReadSentence& sentence, std::vector<Claim>& claims) {
  MeasureReader(sentence, claims).read();
}

// "three short beeps", "one note", "a single click"; not "the first two notes", "3 of 5 beeps".
void read_counts(const ReadSentence& sentence, std::vector<Claim>& claims) {
  constexpr size_t kMostAdjectives = 2;
  const Words words = sentence.words;
  for (size_t i = 0; i < words.size(); ++i) {
    auto number = number_at(words, i);
    if (!number && (sentence.word(i) == "no" || sentence.word(i) == "single"))
      number = NumberAt{sentence.word(i) == "no" ? 0.0 : 1.0, 1};
    if (!number || number->value < 0) continue;
    const size_t last = i + number->count - 1;
    const bool part = i > 0 && is_any_of(sentence.word(i - 1), kCountedParts);
    for (size_t thing = last + 1; thing <= last + 1 + kMostAdjectives && thing < words.size();
         ++thing) {
      if (sentence.separator_after(thing - 1) == ',') break;
      const std::string& word = sentence.word(thing);
      if (word == "of" || word == "and" || word == "or" || is_unit(word)) break;
      if (ordinal_of(words[thing]) > 0) break;
      const auto singular = countable_of(word);
      if (!singular) continue;
      if (sentence.word(thing + 1) == "per") break;  // "beats per minute"
      // "one sound" may mean any one; "no silence" is a pause that is denied.
      const bool whole = number->value == std::floor(number->value);
      const bool plural = word != *singular || word == "people";
      const bool agrees = number->value == 0 || (number->value == 1) != plural;
      const bool named = *singular != "gap" && *singular != "silence";
      const bool nothing = number->value == 0 && (*singular == "pause" || !plural);
      if (!part && whole && agrees && named && !nothing)
        add_count(sentence, i, last, thing, number->value, claims);
      break;
    }
    i = last;
  }
}

void read_presences(const ReadSentence& sentence, std::vector<Claim>& claims) {
  for (size_t i = 0; i < sentence.words.size(); ++i) {
    const std::string& word = sentence.word(i);
    if (is_any_of(word, kPauseWords) && word != "break") read_pause(sentence, i, claims);
    if (is_any_of(word, kNoiseWords)) read_noise(sentence, i, claims);
    if (is_any_of(word, kTimbres)) read_timbre(sentence, i, claims);
    read_voices(sentence, i, claims);
    if (is_impression(sentence, i))
      claims.push_back(sentence.claim(ClaimKind::kImpression, i, i + 1, i, i));
    // A note by its name, outside of a list.
    if (is_note_name(sentence, i)) {
      const size_t begin = sentence.words[i].begin;
      const bool listed = std::ranges::any_of(
          claims, [&](const Claim& claim) { return claim.begin <= begin && begin < claim.end; });
      // "best G4 2": what a list has found so far is a step of thinking.
      if (listed || (i > 0 && sentence.word(i - 1) == "best")) continue;
      Claim claim = sentence.claim(ClaimKind::kNote, i, i, i, i);
      claim.name = std::string(sentence.text.substr(begin, sentence.words[i].end - begin));
      claim.denied = is_denied(sentence, i);
      claims.push_back(claim);
    }
  }
}

}  // namespace stapes::reward
