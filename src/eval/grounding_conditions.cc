#include "eval/grounding_conditions.h"

#include <array>

#include "base/fail.h"
#include "eval/score.h"
#include "world/notes.h"

namespace stapes {
namespace {

// Of the same length for all: nothing of the clip is left, its length neither.
constexpr double kSilenceSeconds = 2;

Request ask(const world::Example& example, const GroundingEvalOptions& options,
            const AudioClip* clip) {
  Request request;
  ChatMessage message{"user", {}};
  if (clip != nullptr) {
    message.parts.push_back(ContentPart::of_audio(0));
    request.clips = {*clip};
  }
  message.parts.push_back(ContentPart::of_text(example.question));
  request.messages = {std::move(message)};
  request.sampling.temperature = 0;
  request.sampling.max_tokens = options.max_tokens;
  return request;
}

AudioClip silence() {
  return {std::vector<float>(static_cast<size_t>(kSilenceSeconds * kSampleRateHz))};
}

}  // namespace

const char* name(Condition condition) {
  static constexpr std::array<const char*, 6> kNames = {"clip",       "silence", "other-clip",
                                                        "transcript", "budget",  "tampered"};
  return kNames[static_cast<size_t>(condition)];
}

std::string transcript_of(const world::Truth& truth) {
  std::vector<std::string> events;
  for (const world::Event& event : truth.events)
    events.push_back(event.digit >= 0       ? std::to_string(event.digit)
                     : event.midi_note >= 0 ? world::note_name(event.midi_note)
                                            : std::string("x"));
  const char* what = truth.kind() == world::ClipKind::kSpeech  ? "Transcript"
                     : truth.kind() == world::ClipKind::kMusic ? "Notes"
                                                               : "Beats";
  return fmt::format("{}: {}", what, fmt::join(events, " "));
}

GroundingExample make_example(const world::World& world, world::Task task,
                              const GroundingEvalOptions& options, int index) {
  constexpr int kMostTries = 100;
  GroundingExample example;
  example.index = static_cast<uint64_t>(index);
  example.own = world.example(task, world::Split::kTest, options.seed, example.index);
  const std::string answer = normalized_answer(example.own.answer);
  for (int turn = 1; turn <= kMostTries; ++turn) {
    const auto other =
        static_cast<uint64_t>(index) +
        static_cast<uint64_t>(turn) * static_cast<uint64_t>(options.examples_per_task);
    example.other = world.example(task, world::Split::kTest, options.seed, other);
    if (normalized_answer(example.other.answer) != answer) return example;
  }
  fail(ErrorCode::kInvalidData, "found no clip with another answer than \"{}\" for the task {}",
       example.own.answer, world::name(task));
}

Request question_about(const world::Example& example, const GroundingEvalOptions& options) {
  return ask(example, options, &example.clip.audio);
}

std::vector<AskedReply> requests_for(const GroundingExample& example, size_t place,
                                     const GroundingEvalOptions& options) {
  const world::Example& own = example.own;
  const AudioClip none = silence();
  std::vector<AskedReply> asked;
  const auto add = [&](Condition condition, Request request, std::optional<int> budget = {}) {
    asked.push_back({.condition = condition,
                     .budget = budget,
                     .example = place,
                     .request = std::move(request),
                     .result = {}});
  };
  add(Condition::kClip, ask(own, options, &own.clip.audio));
  add(Condition::kSilence, ask(own, options, &none));
  add(Condition::kOtherClip, ask(own, options, &example.other.clip.audio));
  world::Example written = own;
  written.question = transcript_of(own.clip.truth) + "\n" + own.question;
  add(Condition::kTranscript, ask(written, options, nullptr));
  for (const int budget : options.budgets) {
    Request request = ask(own, options, &own.clip.audio);
    request.sampling.think_budget = budget;
    add(Condition::kBudget, std::move(request), budget);
  }
  return asked;
}

AskedReply tampered_request(const GroundingExample& example, size_t place,
                            const GroundingEvalOptions& options) {
  Request request = ask(example.own, options, &example.own.clip.audio);
  // A last turn of the assistant stays open; its thought goes on.
  request.messages.push_back(
      {"assistant", {ContentPart::of_text("<think>\n" + example.tampered->prefix)}});
  return {.condition = Condition::kTampered,
          .budget = {},
          .example = place,
          .request = std::move(request),
          .result = {}};
}

}  // namespace stapes
