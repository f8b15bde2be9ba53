// Claims in free phrases about how something changes: "the pitch falls", "it gets louder", "the
// second note is higher than the first", "the highest note is the third", "it rises twice".
#include <algorithm>
#include <array>

#include "reward/claim_parser.h"

namespace stapes::reward {
namespace {

struct Name {
  std::string_view word;
  Property property;
};
constexpr std::array<Name, 22> kProperties = {{
    {"pitch", Property::kPitch},
    {"intonation", Property::kPitch},
    {"melody", Property::kPitch},
    {"tune", Property::kPitch},
    {"f0", Property::kPitch},
    {"frequency", Property::kPitch},
    {"tone", Property::kPitch},
    {"inflection", Property::kPitch},
    {"loudness", Property::kLoudness},
    {"volume", Property::kLoudness},
    {"level", Property::kLoudness},
    {"levels", Property::kLoudness},
    {"numbers", Property::kNumbers},
    {"intensity", Property::kLoudness},
    {"amplitude", Property::kLoudness},
    {"dynamics", Property::kLoudness},
    {"tempo", Property::kTempo},
    {"pace", Property::kTempo},
    {"speed", Property::kTempo},
    {"rhythm", Property::kTempo},
    {"brightness", Property::kBrightness},
    {"timbre", Property::kBrightness},
}};

// Words that name property and course at once.
struct Adjective {
  std::string_view word;
  Property property;
  Course course;
};
constexpr std::array<Adjective, 24> kAdjectives = {{
    {"louder", Property::kLoudness, Course::kRises},
    {"crescendo", Property::kLoudness, Course::kRises},
    {"swells", Property::kLoudness, Course::kRises},
    {"softer", Property::kLoudness, Course::kFalls},
    {"quieter", Property::kLoudness, Course::kFalls},
    {"diminuendo", Property::kLoudness, Course::kFalls},
    {"decrescendo", Property::kLoudness, Course::kFalls},
    {"fades", Property::kLoudness, Course::kFalls},
    {"fading", Property::kLoudness, Course::kFalls},
    {"faster", Property::kTempo, Course::kRises},
    {"accelerates", Property::kTempo, Course::kRises},
    {"accelerando", Property::kTempo, Course::kRises},
    {"slower", Property::kTempo, Course::kFalls},
    {"ritardando", Property::kTempo, Course::kFalls},
    {"brighter", Property::kBrightness, Course::kRises},
    {"sharper", Property::kBrightness, Course::kRises},
    {"darker", Property::kBrightness, Course::kFalls},
    {"duller", Property::kBrightness, Course::kFalls},
    {"higher", Property::kPitch, Course::kRises},
    {"lower", Property::kPitch, Course::kFalls},
    {"ascending", Property::kPitch, Course::kRises},
    {"descending", Property::kPitch, Course::kFalls},
    {"longer", Property::kLength, Course::kRises},
    {"shorter", Property::kLength, Course::kFalls},
}};
constexpr std::array<std::string_view, 14> kBecomes = {
    "gets",    "get", "getting", "becomes", "become", "becoming", "grows",
    "growing", "got", "became",  "turns",   "keeps",  "sounds",   "goes"};
constexpr std::array<std::string_view, 7> kEnds = {"end",   "ending", "finally", "last",
                                                   "close", "final",  "finish"};

// Of a part, not of the whole.
constexpr std::array<std::string_view, 10> kParts = {"half",    "beginning", "start", "initially",
                                                     "middle",  "halfway",   "part",  "section",
                                                     "briefly", "sometimes"};

Property property_of(const std::string& word) {
  const auto found = std::ranges::find(kProperties, word, &Name::word);
  return found == kProperties.end() ? Property::kNone : found->property;
}

const Adjective* adjective_of(const std::string& word) {
  const auto found = std::ranges::find(kAdjectives, word, &Adjective::word);
  return found == kAdjectives.end() ? nullptr : &*found;
}

bool mentions(const ReadSentence& sentence, std::span<const std::string_view> list) {
  return std::ranges::any_of(sentence.words,
                             [&](const Word& word) { return is_any_of(word.text, list); });
}

bool has_ordinal(const ReadSentence& sentence, size_t first, size_t last) {
  for (size_t i = first; i <= last; ++i)
    if (ordinal_of(sentence.words[i]) > 0) return true;
  return false;
}

// "up or down" names alternatives and claims none.
bool offers_alternatives(const ReadSentence& sentence) {
  bool before = false;
  for (size_t i = 0; i < sentence.words.size(); ++i) {
    const bool directed = course_of_word(sentence.word(i)) != Course::kNone ||
                          adjective_of(sentence.word(i)) != nullptr;
    if (directed && before && i > 0 && sentence.word(i - 1) == "or") return true;
    before = before || directed;
  }
  return false;
}

struct Directed {
  size_t index = 0;  // of the word that says where it goes
  size_t subject = 0;
  Property property = Property::kNone;
  Course course = Course::kNone;
};

class CourseReader {
 public:
  CourseReader(const ReadSentence& sentence, std::vector<Claim>& claims)
      : sentence_(sentence), claims_(claims) {}

  void read() {
    if (offers_alternatives(sentence_)) return;
    std::vector<Directed> found = directed_words();
    merge_sequences(found);
    for (const Directed& directed : found) add(directed);
  }

 private:
  std::vector<Directed> directed_words() const {
    std::vector<Directed> found;
    Property subject_property = Property::kNone;
    size_t subject = 0;
    for (size_t i = 0; i < sentence_.words.size(); ++i) {
      const std::string& word = sentence_.word(i);
      if (const Property property = property_of(word); property != Property::kNone) {
        subject_property = property;
        subject = i;
        // "a falling pitch", "an ascending melody", "a steady tempo"
        if (i > 0 && course_of_word(sentence_.word(i - 1)) != Course::kNone &&
            sentence_.word(i - 1) != "same" && !(!found.empty() && found.back().index == i - 1))
          found.push_back({i - 1, i, property, course_of_word(sentence_.word(i - 1))});
        continue;
      }
      if (const auto directed = directed_at(i, subject_property, subject))
        found.push_back(*directed);
    }
    return found;
  }

  std::optional<Directed> directed_at(size_t i, Property property, size_t subject) const {
    const std::string& word = sentence_.word(i);
    if (word == "than" || sentence_.word(i + 1) == "than") return std::nullopt;
    // "speeds up", "slows down" need no subject.
    if ((word == "up" && (prior(i) == "speeds" || prior(i) == "speeding")))
      return Directed{i, i - 1, Property::kTempo, Course::kRises};
    if ((word == "down" && (prior(i) == "slows" || prior(i) == "slowing")))
      return Directed{i, i - 1, Property::kTempo, Course::kFalls};
    if (const Adjective* adjective = adjective_of(word)) {
      // "higher" and "longer" speak of a course only where something becomes so.
      const bool becomes = i > 0 && is_any_of(prior(i), kBecomes);
      const bool own = adjective->property == Property::kLoudness ||
                       adjective->property == Property::kTempo ||
                       adjective->property == Property::kBrightness;
      if (own && (becomes || !has_ordinal(sentence_, 0, i)))
        return Directed{i, becomes ? i - 1 : i, adjective->property, adjective->course};
      if (becomes && property == Property::kPitch && adjective->property == Property::kPitch)
        return Directed{i, subject, property, adjective->course};
      if (adjective->property == Property::kPitch && word.ends_with("ing") &&
          property == Property::kPitch)
        return Directed{i, subject, property, adjective->course};
      return std::nullopt;
    }
    if (property == Property::kNone) return std::nullopt;
    const Course course = course_of_word(word);
    if (course == Course::kNone) return std::nullopt;
    if (word == "same" && prior(i) != "the" && prior(i) != "stays") return std::nullopt;
    // An item of a list has its own reader ("second G4, up"), and "first" may be one event.
    if (word == "up" || word == "down") {
      const std::string& verb = prior(i);
      if (!(verb == "goes" || verb == "go" || verb == "going" || verb == "went" ||
            verb == "moves" || verb == "moving" || verb == "slides" || verb == "glides"))
        return std::nullopt;
    }
    // "5 rises", "rises twice", "rises 3 times" count.
    if (i > 0 && number_of(sentence_.words[i - 1])) return std::nullopt;
    const std::string& next = sentence_.word(i + 1);
    if (next == "twice" || next == "once" || next == "times" || sentence_.word(i + 2) == "times" ||
        (next == "from" && sentence_.word(i + 2) == "note"))
      return std::nullopt;
    return Directed{i, subject, property, course};
  }

  // "rises and then falls": one claim that it varies.
  void merge_sequences(std::vector<Directed>& found) const {
    static constexpr std::array<std::string_view, 4> kThen = {"then", "before", "afterwards",
                                                              "again"};
    if (!mentions(sentence_, kThen)) return;
    for (size_t i = 0; i + 1 < found.size(); ++i) {
      if (found[i].property != found[i + 1].property || found[i].course == found[i + 1].course)
        continue;
      found[i].course = Course::kVaries;
      found[i].index = found[i + 1].index;
      found.erase(found.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      --i;
    }
  }

  void add(const Directed& directed) {
    const size_t first = std::min(directed.subject, directed.index);
    const size_t last = std::max(directed.subject, directed.index);
    Claim claim = sentence_.claim(ClaimKind::kCourse, first, last, directed.index, directed.index);
    claim.property = directed.property;
    claim.course = directed.course;
    claim.denied = is_denied(sentence_, directed.index);
    const bool at_end = mentions(sentence_, kEnds);
    if (claim.property == Property::kPitch && at_end) claim.property = Property::kFinalPitch;
    claim.partial =
        directed.course != Course::kVaries &&
        (has_ordinal(sentence_, 0, sentence_.words.size() - 1) || mentions(sentence_, kParts) ||
         (at_end && claim.property != Property::kFinalPitch));
    claims_.push_back(claim);
  }

  const std::string& prior(size_t i) const { return sentence_.word(i == 0 ? SIZE_MAX : i - 1); }

  const ReadSentence& sentence_;
  std::vector<Claim>& claims_;
};

// The ordinal within `reach` words after index; 0 if there is none.
size_t ordinal_after(const ReadSentence& sentence, size_t index, size_t reach) {
  for (size_t i = index + 1; i < std::min(index + 1 + reach, sentence.words.size()); ++i)
    if (ordinal_of(sentence.words[i]) > 0) return i;
  return 0;
}

void read_than(const ReadSentence& sentence, size_t than, std::vector<Claim>& claims) {
  if (than == 0) return;
  const Adjective* adjective = adjective_of(sentence.word(than - 1));
  const size_t other = ordinal_after(sentence, than, 3);
  if (adjective == nullptr || other == 0) return;
  for (size_t i = than - 1; i-- > 0;) {
    const int place = ordinal_of(sentence.words[i]);
    if (place == 0) continue;
    Claim claim = sentence.claim(ClaimKind::kCompare, i, other, than - 1, than - 1);
    claim.place = place;
    claim.other_place = ordinal_of(sentence.words[other]);
    claim.property = adjective->property;
    claim.course = adjective->course;
    claim.denied = is_denied(sentence, than - 1);
    claims.push_back(claim);
    return;
  }
}

// "the highest note is the second", "the third note is the highest"
void read_highest(const ReadSentence& sentence, size_t highest, std::vector<Claim>& claims) {
  size_t ordinal = ordinal_after(sentence, highest, 4);
  for (size_t i = highest; ordinal == 0 && i-- > 0 && highest - i <= 5;)
    if (ordinal_of(sentence.words[i]) > 0) ordinal = i;
  if (ordinal == 0) return;
  const size_t first = std::min(ordinal, highest), last = std::max(ordinal, highest);
  Claim claim = sentence.claim(ClaimKind::kHighest, first, last, ordinal, ordinal);
  claim.place = ordinal_of(sentence.words[ordinal]);
  claim.denied = is_denied(sentence, last);
  claims.push_back(claim);
}

}  // namespace

void read_courses(const ReadSentence& sentence, std::vector<Claim>& claims) {
  CourseReader(sentence, claims).read();
}

void read_comparisons(const ReadSentence& sentence, std::vector<Claim>& claims) {
  for (size_t i = 0; i < sentence.words.size(); ++i) {
    if (sentence.word(i) == "than") read_than(sentence, i, claims);
    if (sentence.word(i) == "highest") read_highest(sentence, i, claims);
  }
}

}  // namespace stapes::reward
