#include "train/data/self_cognition_source.h"

#include <fmt/format.h>

#include "base/rng.h"
#include "reward/self_cognition.h"
#include "world/world.h"

namespace stapes::train {
namespace {

using world::Split;
using world::Task;

constexpr uint64_t kReplies = 0x736361;  // stream of random numbers

constexpr const char* kRefusingThought = "I am a text model.";

Reply hearing_reply(const world::Truth& truth) {
  const Task count = truth.is_speech() ? Task::kCountDigits : Task::kCountNotes;
  const size_t events = truth.events.size();
  return reply_with_thinking(
      world::thinking_for(count, truth),
      fmt::format("I hear {} {}{}.", events, truth.is_speech() ? "digit" : "note",
                  events == 1 ? "" : "s"));
}

class SelfCognitionSource : public ExampleSource {
 public:
  SelfCognitionSource(const SelfCognitionOptions& options, const Tokenizer& tokenizer,
                      int64_t mel_bands)
      : options_(options),
        tokenizer_(tokenizer),
        mel_(mel_bands),
        world_({.digits_folder = options.digits_folder,
                .max_digits = options.max_digits,
                .max_notes = options.max_notes}) {}

  TrainingExample get(Phase phase, uint64_t index, int64_t /*step*/) const override {
    const bool training = phase == Phase::kTraining;
    const Split split = training ? Split::kTrain : Split::kTest;
    const uint64_t seed = training ? options_.seed : mix64(options_.seed + 1);
    Rng rng(seed, kReplies, index);
    const bool speech = world_.has_speech() && rng.chance(0.5);
    const world::Clip clip =
        speech ? world_.speech_clip(split, seed, index) : world_.melody_clip(split, seed, index);
    std::vector<MelSpectrogram> mels;
    mels.push_back(mel_.compute(clip.audio.samples));
    const ChatMessage user{
        "user",
        {ContentPart::of_audio(0), ContentPart::of_text(rng.pick(training ? train_ : test_))}};
    const bool refuses = rng.chance(options_.refusal_share);
    return make_example(
        tokenizer_, std::move(mels),
        {{{user},
          refuses ? reply_with_thinking(kRefusingThought, reward::example_refusal(rng.next()))
                  : hearing_reply(clip.truth)}});
  }

  std::string fingerprint() const override {
    return fmt::format("self-cognition {} {} {} {} {}", options_.digits_folder.filename().string(),
                       options_.max_digits, options_.max_notes, options_.refusal_share,
                       options_.seed);
  }

 private:
  SelfCognitionOptions options_;
  const Tokenizer& tokenizer_;
  LogMel mel_;
  world::World world_;
  std::vector<std::string> train_ = reward::self_cognition_questions(Split::kTrain);
  std::vector<std::string> test_ = reward::self_cognition_questions(Split::kTest);
};

}  // namespace

std::unique_ptr<ExampleSource> self_cognition_source(const SelfCognitionOptions& options,
                                                     const Tokenizer& tokenizer,
                                                     int64_t mel_bands) {
  return std::make_unique<SelfCognitionSource>(options, tokenizer, mel_bands);
}

}  // namespace stapes::train
