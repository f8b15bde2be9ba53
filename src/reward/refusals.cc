// Ways to say "I cannot hear".
#include <array>
#include <vector>

#include "reward/phrases.h"
#include "reward/self_cognition.h"
#include "reward/words.h"

namespace stapes::reward {
namespace {

// Complete in themselves: the speaker's ability is denied, or the sound's existence.
constexpr std::array<std::string_view, 26> kDenials = {
    // what I cannot do
    "i * can't|cannot|couldn't|unable * listen|hear to? * audio|sound|sounds|recording|recordings|"
    "clip|clips|file|files",
    "i * can't|cannot listen",
    "i * can not|never * listen|hear to? * audio|sound|sounds|recording|clip|file",
    "i * can't|cannot|unable * process|access|play|open|analyze|analyse|interpret|receive|perceive|"
    "handle|transcribe|decode * audio|sound|sounds|recording|recordings|voice|speech",
    "i * not * able|capable|equipped|designed to|of * hear|hearing|listen|listening|process|"
    "processing|perceive|perceiving|play|playing",
    "i'm|am unable to * hear|listen",
    "i'm|am unable to * process|access|play|analyze|analyse|perceive|interpret * "
    "audio|sound|sounds|"
    "recording|recordings",
    "i * don't|do|does not? have * ability|capability|capabilities|capacity|means|way * to|of * "
    "hear|hearing|listen|listening|process|processing|perceive|perceiving|analyze|play",
    "i * lack * ability|capability|capacity|means * to|of * hear|hearing|listen|listening|process|"
    "perceive",
    "i * don't|do not? have * ears|hearing|access * to? * "
    "audio|sound|recording|ears|hearing|sounds",
    "i * have no * ears|hearing|ability|way * hear|listen|audio|sound|ears|hearing",
    "i * don't|do not? have|own * ears",
    "i * can|only * only|can * process|read|work|understand|handle|respond|see|accept * "
    "text|written",
    "i * only * process|read|work|understand|handle|see|accept * text|written",
    // what I am
    "i * text based|only * model|assistant|ai|system",
    "as a|an * model|ai|assistant|machine|system * can't|cannot|unable|don't|do|not|never * "
    "hear|listen|process|perceive|access|have|able",
    "my * limited to text|written",
    "without being able to * hear|listen",
    // what is not there
    "no audio|sound|recording * file? was|is|has * provided|attached|uploaded|included|given|"
    "available|shared",
    "there|there's is? no audio|recording * provided|attached|uploaded|file|here|in|to",
    "i * don't|do|can't|cannot not? see|find|receive|detect * audio|recording * file|attached|"
    "attachment|clip|provided|uploaded|in|here",
    "you * haven't|didn't|have|did not? * provide|provided|attach|attached|upload|uploaded * audio|"
    "recording|file|sound",
    // what I ask for instead
    "please|could|can|if you? * provide|share|paste|send|give|type|describe * transcript|"
    "transcription|text|description|lyrics|audio|words",
    "without a|the * transcript|transcription|description * i|it",
    "i * need|require * transcript|transcription|description",
    "i * would need * transcript|transcription|description|text",
};

constexpr std::array<std::string_view, 14> kChinese = {
    "我无法听",     "我听不到声音", "我听不到音频", "我不能听",       "无法直接听",
    "作为文本模型", "作为一个文本", "作为语言模型", "我无法处理音频", "无法播放音频",
    "没有听觉",     "只能处理文本", "没有提供音频", "请提供文字"};

const std::vector<PhrasePattern>& patterns() {
  static const std::vector<PhrasePattern> kPatterns(kDenials.begin(), kDenials.end());
  return kPatterns;
}

// "I cannot hear any audio artefacts", "I can't hear a sound of traffic": what follows says that
// something is missing in the sound, not hearing. Decided by the words after the match.
bool names_something_unheard(std::span<const Word> words, size_t last) {
  static constexpr std::array<std::string_view, 17> kContents = {
      "artefacts", "artifacts", "effects",  "effect", "quality", "glitches",
      "problems",  "issues",    "cue",      "cues",   "change",  "changes",
      "level",     "levels",    "engineer", "of",     "from"};
  static constexpr std::array<std::string_view, 4> kSounds = {"audio", "sound", "sounds",
                                                              "recording"};
  return last + 1 < words.size() && is_any_of(words[last].text, kSounds) &&
         is_any_of(words[last + 1].text, kContents);
}

// Somebody else says it: a third person is the subject before "I", or it is denied.
bool is_reported_or_denied(std::span<const Word> words, size_t first) {
  static constexpr std::array<std::string_view, 22> kReporting = {
      "says",    "said",    "saying", "speaker", "he",    "she",    "they",   "caller",
      "claims",  "claimed", "asks",   "asked",   "voice", "caller", "lyrics", "singer",
      "singing", "sings",   "quote",  "phrase",  "words", "whether"};
  for (size_t i = 0; i < first; ++i)
    if (is_any_of(words[i].text, kReporting)) return true;
  for (size_t step = 1; step <= std::min<size_t>(first, 3); ++step) {
    const std::string& word = words[first - step].text;
    if (word == "not" || word == "isn't" || word == "wrong" || word == "untrue" || word == "false")
      return true;
  }
  return false;
}

// "I am not a text based model", "I'm not limited to text".
bool denies_inside(std::span<const Word> words, const PhrasePattern::Match& match) {
  for (size_t i = match.first; i + 1 <= match.last; ++i) {
    const std::string& word = words[i].text;
    const std::string& next = words[i + 1].text;
    if ((word == "not" || word.ends_with("n't")) &&
        (next == "a" || next == "an" || next == "just" || next == "only" || next == "merely" ||
         next == "limited"))
      return true;
  }
  return false;
}

}  // namespace

std::optional<Refusal> find_refusal(std::string_view text) {
  const Quotations quotations(text);
  for (const Sentence& sentence : sentences_of(text)) {
    const std::span<const Word> words = sentence.words;
    for (const PhrasePattern& pattern : patterns()) {
      for (auto match = pattern.find(words); match; match = pattern.find(words, match->first + 1)) {
        const size_t begin = words[match->first].begin, end = words[match->last].end;
        if (quotations.cover(begin) || is_reported_or_denied(words, match->first) ||
            denies_inside(words, *match) || names_something_unheard(words, match->last))
          continue;
        return Refusal{std::string(text.substr(begin, end - begin)), begin};
      }
    }
  }
  for (const std::string_view phrase : kChinese)
    if (const size_t begin = text.find(phrase); begin != std::string_view::npos)
      return Refusal{std::string(phrase), begin};
  return std::nullopt;
}

std::optional<Refusal> find_refusal(const Reply& reply) {
  if (auto refusal = find_refusal(reply.answer)) return refusal;
  return find_refusal(reply.thinking);
}

}  // namespace stapes::reward
