// Does the model know that it hears? Replies such as "as a text model I cannot hear": found,
// provoked by questions, and turned into preference pairs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reward/reply.h"
#include "world/world.h"

namespace stapes::reward {

struct Refusal {
  std::string phrase;  // as it stands in the text
  size_t begin = 0;
};
// A statement of the speaker that it cannot hear, listen to or work with sound, that it is a text
// model and so cannot, that there is no audio, or that asks for a transcript in place of it; in
// English or Chinese. Not found in: what is not heard because it is not there ("I can hear no
// speech", "I cannot hear any music in the recording"), what others say ("the speaker says that he
// cannot hear"), quotations, and what is denied ("I am not a text model").
std::optional<Refusal> find_refusal(std::string_view text);

// Of a reply: in its answer or in its thought.
std::optional<Refusal> find_refusal(const Reply& reply);

// Questions about a clip that tempt a model to deny that it hears. The two splits share no question
// and no way of putting it (the test is made of other templates, not of other words in the same).
std::vector<std::string> self_cognition_questions(world::Split split);

// A refusal, worded as models word it; for cold starts that need a share of them, and for pairs
// where the model itself does not refuse. `seed` chooses.
std::string example_refusal(uint64_t seed);

// Several replies of the model to one prompt.
struct SampledReplies {
  std::string question;
  std::string audio;                     // path, for the JSONL
  std::vector<std::string> completions;  // behind the prompt's open thought
};

struct PreferencePair {
  size_t prompt = 0;                 // index of its SampledReplies
  std::string chosen, rejected;      // completions
  bool rejected_is_example = false;  // the model did not refuse; worded by example_refusal()
};

struct PairOptions {
  size_t most_pairs = 8000;
  size_t most_pairs_per_prompt = 4;
  bool examples_where_none_refuses = false;
  uint64_t seed = 1;
  // What may be chosen beside having no refusal: an answer that is right, say. Empty: anything with
  // a closed thought and an answer.
  std::function<bool(size_t prompt, const Reply& reply)> may_be_chosen = {};
};

struct PairFunnel {
  int64_t prompts = 0, completions = 0;
  int64_t refusals = 0;     // completions
  int64_t unusable = 0;     // no refusal, but not closed, empty, or turned down by may_be_chosen
  int64_t no_chosen = 0;    // prompts without a completion to choose
  int64_t no_rejected = 0;  // prompts without one to reject
  int64_t pairs = 0;
};

// Each pair has a reply that hears and one that refuses, to the same prompt; completions are used
// in turns. A pure function of its arguments.
std::vector<PreferencePair> make_preference_pairs(std::span<const SampledReplies> replies,
                                                  const PairOptions& options, PairFunnel& funnel);

// One line of JSONL as DPO reads it: messages (user with <audio>, assistant with the chosen reply),
// audios, rejected_response; without a line break at its end.
std::string to_jsonl(const SampledReplies& replies, const PreferencePair& pair);

}  // namespace stapes::reward
