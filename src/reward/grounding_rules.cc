#include "reward/grounding_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "reward/phrases.h"
#include "reward/words.h"

namespace stapes::reward {
namespace {

struct PropertyWords {
  const char* property;
  std::vector<std::string_view> words;
};

const std::vector<PropertyWords>& property_words() {
  static const std::vector<PropertyWords> kWords = {
      {"pitch",
       {"pitch", "pitched", "intonation", "inflection", "melody", "melodic", "octave", "semitone",
        "hz", "frequency", "register", "note", "notes", "chord", "harmony", "key"}},
      {"tempo",
       {"tempo", "rhythm", "rhythmic", "beat", "beats", "bpm", "pace", "pacing", "faster", "slower",
        "syncopated"}},
      {"loudness",
       {"loudness", "loud",     "louder",    "softly",    "softer",     "quiet",     "quieter",
        "volume",   "db",       "decibels",  "crescendo", "diminuendo", "intensity", "amplitude",
        "whisper",  "whispers", "whispered", "shouts",    "shouted",    "shouting"}},
      {"timbre",
       {"timbre",  "tone",      "tonal",      "brightness", "breathy",   "hoarse",     "nasal",
        "raspy",   "resonance", "resonant",   "harmonics",  "overtones", "distorted",  "metallic",
        "muffled", "plucked",   "percussive", "drum",       "drums",     "guitar",     "piano",
        "violin",  "flute",     "organ",      "strings",    "synth",     "synthesizer"}},
      {"pauses",
       {"pause", "pauses", "paused", "silence", "silent", "gap", "hesitates", "hesitation"}},
      {"voice",
       {"voice", "voices", "vocal", "accent", "speaker", "speakers", "prosody", "prosodic",
        "articulation", "sigh", "sighs", "laugh", "laughs", "laughter", "breath", "breathing",
        "sobbing", "trembling"}},
      {"background",
       {"background", "noise", "noisy", "hum", "hiss", "static", "echo", "reverb", "reverberation",
        "ambient", "ambience", "crowd", "traffic", "beep", "beeps", "click", "clicks"}},
  };
  return kWords;
}

constexpr std::array<std::string_view, 24> kChineseProperties = {
    "音高", "音调", "语调", "声调", "旋律", "节奏", "速度", "语速", "节拍", "响度", "音量", "音色",
    "停顿", "嗓音", "声音", "口音", "语气", "背景", "噪音", "噪声", "混响", "呼吸", "笑声", "音符"};

bool is_negated_before(std::span<const Word> words, size_t index) {
  static constexpr std::array<std::string_view, 8> kDenyingWords = {
      "no", "not", "without", "never", "rather", "instead", "isn't", "don't"};
  for (size_t step = 1; step <= std::min<size_t>(index, 4); ++step)
    if (is_any_of(words[index - step].text, kDenyingWords) ||
        words[index - step].text.ends_with("n't"))
      return true;
  return false;
}

// What leaning on text sounds like. {T} stands for the nouns below.
std::vector<PhrasePattern> patterns_for(std::string_view nouns) {
  static constexpr std::array<std::string_view, 5> kShapes = {
      "according|referring to the|this|a|its? * {T}",
      "based|relying on|upon the|this|a|its? * {T}",
      "from|in|per|given|reading|read|reads|see|seeing the|this|a|its * {T}",
      "the|this|its|provided|given * {T} * say~|said|state|states|stated|mention~|describe~|read|"
      "reads|indicate~|suggest~|show|shows|contain~|tell|tells|imply|implies|refer|refers|specif~|"
      "list|lists|include~|explain~|give|gives",
      "as|is|are|was|were written|stated|described|mentioned|transcribed in the|this|a? * {T}",
  };
  std::vector<PhrasePattern> patterns;
  for (const std::string_view shape : kShapes) {
    std::string text(shape);
    text.replace(text.find("{T}"), 3, nouns);
    patterns.emplace_back(text);
  }
  return patterns;
}

const std::vector<PhrasePattern>& text_patterns() {
  static const std::vector<PhrasePattern> kPatterns = [] {
    std::vector<PhrasePattern> patterns = patterns_for(
        "transcript|transcripts|transcription|text|lyrics|lyric|caption|captions|subtitle|"
        "subtitles|"
        "description|passage|script|metadata|filename|annotation|annotations|summary|label|tags");
    for (const char* shape :
         {"transcript|transcription|caption|description|text of|for the audio|recording|clip|sound",
          "file name says|suggests|indicates|mentions",
          "the audio|sound|clip|recording is described as",
          "i|we|let's|let me|us? imagine|assume|suppose * transcript|text|lyrics|words|caption"})
      patterns.emplace_back(shape);
    return patterns;
  }();
  return kPatterns;
}

const std::vector<PhrasePattern>& word_patterns() {
  static const std::vector<PhrasePattern> kPatterns =
      patterns_for("words|wording|sentence|content|meaning|semantics|vocabulary");
  return kPatterns;
}

constexpr std::array<std::string_view, 12> kChineseTexts = {
    "根据文本", "根据文字", "根据转录", "根据歌词", "根据字幕", "根据描述",
    "文本中",   "文字描述", "歌词中",   "字幕显示", "文本描述", "转录文本"};

// The first pattern that matches without a denial before its noun.
std::optional<RuleFinding> find_text(std::string_view thought,
                                     std::span<const PhrasePattern> patterns) {
  for (const Sentence& sentence : sentences_of(thought)) {
    for (const PhrasePattern& pattern : patterns) {
      for (auto match = pattern.find(sentence.words); match;
           match = pattern.find(sentence.words, match->first + 1)) {
        if (is_negated_before(sentence.words, match->first) ||
            is_negated_before(sentence.words, match->last))
          continue;
        const size_t begin = sentence.words[match->first].begin;
        const size_t end = sentence.words[match->last].end;
        return RuleFinding{false, fmt::format("\"{}\"", thought.substr(begin, end - begin)), begin,
                           end};
      }
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_about_words(const Claim& claim) {
  static constexpr std::array<std::string_view, 3> kWords = {"digit", "number", "word"};
  return claim.kind == ClaimKind::kDigit || claim.kind == ClaimKind::kDigits ||
         claim.property == Property::kNumbers ||
         (claim.kind == ClaimKind::kCount && is_any_of(claim.name, kWords));
}

RuleFinding names_heard_property(std::string_view thought, std::span<const Claim> claims,
                                 const GroundingRules& rules) {
  for (const Claim& claim : claims)
    if (rules.heard_words_count || !is_about_words(claim))
      return {true, fmt::format("a claim about the sound ({})", name(claim.kind)), claim.begin,
              claim.end};
  const std::vector<Word> words = words_of(thought);
  for (const Word& word : words)
    for (const PropertyWords& property : property_words())
      if (is_any_of(word.text, property.words))
        return {true, fmt::format("{} (\"{}\")", property.property, word.text), word.begin,
                word.end};
  for (const std::string_view word : kChineseProperties)
    if (const size_t begin = thought.find(word); begin != std::string_view::npos)
      return {true, std::string(word), begin, begin + word.size()};
  return {false, "names nothing that is heard", 0, 0};
}

RuleFinding leans_on_no_text(std::string_view thought, const GroundingRules& rules) {
  if (auto found = find_text(thought, text_patterns())) return *found;
  if (rules.words_are_surrogate)
    if (auto found = find_text(thought, word_patterns())) return *found;
  for (const std::string_view phrase : kChineseTexts)
    if (const size_t begin = thought.find(phrase); begin != std::string_view::npos)
      return {false, fmt::format("\"{}\"", phrase), begin, begin + phrase.size()};
  return {true, "leans on no text", 0, 0};
}

}  // namespace stapes::reward
