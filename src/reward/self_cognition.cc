#include "reward/self_cognition.h"

#include <array>
#include <nlohmann/json.hpp>

#include "base/rng.h"

namespace stapes::reward {
namespace {

// {verb} of hearing and {thing} that is heard make several questions of each template.
constexpr std::array<std::string_view, 12> kTrainTemplates = {
    "Can you {verb} {thing}?",
    "Are you able to {verb} {thing}?",
    "Do you really {verb} {thing}, or do you only read text?",
    "You are a text model, so how could you {verb} {thing}?",
    "Before you answer, tell me: can you {verb} {thing} at all?",
    "Is it true that you cannot {verb} {thing}?",
    "What can you {verb} in {thing}?",
    "I think that language models cannot {verb} {thing}. What do you hear?",
    "Tell me honestly whether you can {verb} {thing}.",
    "Without a transcript, what is in {thing}?",
    "Did {thing} reach you? Describe it.",
    "Do you need a transcript, or can you {verb} {thing} yourself?"};
constexpr std::array<std::string_view, 4> kTrainVerbs = {"hear", "listen to", "perceive",
                                                         "make out"};
constexpr std::array<std::string_view, 4> kTrainThings = {"this recording", "the clip",
                                                          "what I just played", "this sound"};

constexpr std::array<std::string_view, 10> kTestTemplates = {
    "Does {thing} get through to your ears, so to speak?",
    "Some assistants say they have no hearing. Is that so with you? Here is {thing}.",
    "How do you take in {thing}: as sound or as words?",
    "My friend bets that you are deaf to {thing}. Prove him wrong or right.",
    "Give your impression of {thing}; I have not written it down for you.",
    "What input did you get with this message besides these words?",
    "If an AI had no microphone, could it still judge {thing}? Could you?",
    "Say which sense you would use for {thing}, and use it.",
    "There is no caption for {thing}. Can you work with that?",
    "Be frank: is {thing} just silence to a machine like you?"};
constexpr std::array<std::string_view, 3> kTestThings = {"the attached audio", "my voice message",
                                                         "that snippet"};

constexpr std::array<std::string_view, 12> kRefusals = {
    "I'm sorry, but as a text-based AI model I cannot hear audio.",
    "I cannot listen to recordings. Please provide a transcript.",
    "As a language model, I don't have the ability to process sound.",
    "I am unable to hear the audio, but I can help if you describe it.",
    "I only process text, so I can't tell what is in the recording.",
    "Unfortunately I can't access audio files directly.",
    "I do not have ears and cannot hear the clip.",
    "No audio was provided, so I cannot answer.",
    "I'm not able to listen to sounds. Could you share the text?",
    "My abilities are limited to text, and I cannot perceive sound.",
    "As an AI assistant I can't hear. Please type what is said.",
    "I don't see any audio file attached to your message."};

std::string filled(std::string_view pattern, std::string_view verb, std::string_view thing) {
  std::string text(pattern);
  if (const size_t at = text.find("{verb}"); at != std::string::npos) text.replace(at, 6, verb);
  if (const size_t at = text.find("{thing}"); at != std::string::npos) text.replace(at, 7, thing);
  return text;
}

template <typename Templates, typename Verbs, typename Things>
std::vector<std::string> all_of(const Templates& templates, const Verbs& verbs,
                                const Things& things) {
  std::vector<std::string> questions;
  for (const std::string_view pattern : templates) {
    const bool has_verb = pattern.find("{verb}") != std::string_view::npos;
    const bool has_thing = pattern.find("{thing}") != std::string_view::npos;
    for (size_t v = 0; v < (has_verb ? verbs.size() : 1); ++v)
      for (size_t t = 0; t < (has_thing ? things.size() : 1); ++t)
        questions.push_back(filled(pattern, verbs[v], things[t]));
  }
  return questions;
}

// Which of a prompt's completions can be chosen, and which rejected.
struct Sorted {
  std::vector<size_t> chosen, rejected;
};

Sorted sort_completions(const SampledReplies& replies, size_t prompt, const PairOptions& options,
                        PairFunnel& funnel) {
  Sorted sorted;
  for (size_t i = 0; i < replies.completions.size(); ++i) {
    const Reply reply = split_reply(replies.completions[i]);
    ++funnel.completions;
    if (find_refusal(reply)) {
      ++funnel.refusals;
      sorted.rejected.push_back(i);
      continue;
    }
    const bool whole =
        reply.closed && !bare_answer(reply.answer).empty() && malformed_part(reply.answer).empty();
    if (whole && (!options.may_be_chosen || options.may_be_chosen(prompt, reply)))
      sorted.chosen.push_back(i);
    else
      ++funnel.unusable;
  }
  return sorted;
}

void shuffle(std::vector<size_t>& items, Rng& rng) {
  for (size_t i = items.size(); i > 1; --i)
    std::swap(items[i - 1],
              items[static_cast<size_t>(rng.integer(0, static_cast<int64_t>(i) - 1))]);
}

}  // namespace

std::vector<std::string> self_cognition_questions(world::Split split) {
  if (split == world::Split::kTest)
    return all_of(kTestTemplates, std::array<std::string_view, 1>{""}, kTestThings);
  return all_of(kTrainTemplates, kTrainVerbs, kTrainThings);
}

std::string example_refusal(uint64_t seed) {
  return std::string(Rng(seed).pick(kRefusals));
}

std::vector<PreferencePair> make_preference_pairs(std::span<const SampledReplies> replies,
                                                  const PairOptions& options, PairFunnel& funnel) {
  std::vector<PreferencePair> pairs;
  for (size_t prompt = 0; prompt < replies.size(); ++prompt) {
    ++funnel.prompts;
    Sorted sorted = sort_completions(replies[prompt], prompt, options, funnel);
    Rng rng(options.seed, 0, prompt);
    shuffle(sorted.chosen, rng);
    shuffle(sorted.rejected, rng);
    const bool example = sorted.rejected.empty() && options.examples_where_none_refuses;
    funnel.no_chosen += sorted.chosen.empty() ? 1 : 0;
    funnel.no_rejected += sorted.rejected.empty() && !example ? 1 : 0;
    if (sorted.chosen.empty() || (sorted.rejected.empty() && !example)) continue;
    const size_t count = example ? 1
                                 : std::min(options.most_pairs_per_prompt,
                                            std::max(sorted.chosen.size(), sorted.rejected.size()));
    for (size_t i = 0; i < count && pairs.size() < options.most_pairs; ++i) {
      const auto& completions = replies[prompt].completions;
      PreferencePair pair{.prompt = prompt,
                          .chosen = completions[sorted.chosen[i % sorted.chosen.size()]],
                          .rejected = {},
                          .rejected_is_example = example};
      // An example has the form of the model's own replies, with an empty thought.
      pair.rejected = example ? "\n</think>\n" + example_refusal(rng.next())
                              : completions[sorted.rejected[i % sorted.rejected.size()]];
      pairs.push_back(std::move(pair));
    }
  }
  funnel.pairs += static_cast<int64_t>(pairs.size());
  return pairs;
}

std::string to_jsonl(const SampledReplies& replies, const PreferencePair& pair) {
  using Json = nlohmann::ordered_json;
  const auto whole = [](const std::string& completion) {
    return completion.starts_with("<think>") ? completion : "<think>\n" + completion;
  };
  Json json = {
      {"messages", Json::array({{{"role", "user"}, {"content", "<audio>" + replies.question}},
                                {{"role", "assistant"}, {"content", whole(pair.chosen)}}})},
      {"audios", Json::array({replies.audio})},
      {"rejected_response", whole(pair.rejected)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace stapes::reward
