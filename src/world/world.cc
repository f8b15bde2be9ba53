#include "world/world.h"

#include <optional>

#include "base/fail.h"
#include "base/rng.h"
#include "world/melody.h"
#include "world/speech.h"

namespace stapes::world {
namespace {

// What a stream of random numbers is for; the streams of the two splits never meet.
enum class Purpose : uint64_t { kSpeech, kSpeechOfTwoOrMore, kMelody, kQuestion };

uint64_t stream(Split split, Purpose purpose, uint64_t task = 0) {
  return (task << 16) | (static_cast<uint64_t>(purpose) << 8) | static_cast<uint64_t>(split);
}

void check(const WorldOptions& options) {
  const auto expect = [](bool good, const char* what, auto got) {
    if (!good) fail(ErrorCode::kUsage, "expected {}, got {}", what, got);
  };
  expect(options.max_digits >= 1 && options.max_digits <= 4, "max_digits from 1 to 4",
         options.max_digits);
  expect(options.max_notes >= 3 && options.max_notes <= 8, "max_notes from 3 to 8",
         options.max_notes);
  expect(options.paraphrase_share >= 0 && options.paraphrase_share <= 1,
         "paraphrase_share from 0 to 1", options.paraphrase_share);
  expect(options.first_test_take <= options.last_test_take,
         "first_test_take not after last_test_take",
         fmt::format("{} and {}", options.first_test_take, options.last_test_take));
}

}  // namespace

struct World::Impl {
  explicit Impl(WorldOptions given)
      : options(std::move(given)), timbres(options.sampled_instruments) {
    if (!options.digits_folder.empty())
      digits.emplace(options.digits_folder, options.first_test_take, options.last_test_take);
  }

  Clip speech(Split split, Purpose purpose, uint64_t seed, uint64_t index) const {
    if (!digits)
      fail(
          ErrorCode::kUsage,
          "speech tasks need a folder of recorded digits (DIGIT_SPEAKER_TAKE.wav), none was given");
    SpeechOptions speech_options{.max_digits = options.max_digits, .augment = options.augment};
    if (purpose == Purpose::kSpeechOfTwoOrMore) {
      digits->require_speakers(split, 2);
      speech_options.min_digits = 2;
      speech_options.max_digits = std::max(2, options.max_digits);
    }
    Rng rng(seed, stream(split, purpose), index);
    return make_speech_clip(*digits, split, speech_options, rng);
  }

  WorldOptions options;
  Timbres timbres;
  std::optional<DigitBank> digits;
};

World::World(WorldOptions options) {
  check(options);
  impl_ = std::make_unique<Impl>(std::move(options));
}
World::~World() = default;
World::World(World&&) noexcept = default;

bool World::has_speech() const {
  return impl_->digits.has_value();
}

Clip World::speech_clip(Split split, uint64_t seed, uint64_t index) const {
  return impl_->speech(split, Purpose::kSpeech, seed, index);
}

Clip World::melody_clip(Split split, uint64_t seed, uint64_t index) const {
  Rng rng(seed, stream(split, Purpose::kMelody), index);
  const Truth plan = plan_melody(impl_->options.max_notes, rng);
  return render_melody(plan, impl_->timbres, impl_->options.augment, rng);
}

Example World::example(Task task, Split split, uint64_t seed, uint64_t index) const {
  Example example;
  example.task = task;
  if (!is_speech_task(task))
    example.clip = melody_clip(split, seed, index);
  else  // one digit alone would always be "yes"
    example.clip = impl_->speech(
        split, task == Task::kSameSpeaker ? Purpose::kSpeechOfTwoOrMore : Purpose::kSpeech, seed,
        index);
  const auto task_number = static_cast<uint64_t>(task);
  example.question =
      question_for(task, impl_->options.paraphrase_share,
                   Rng(seed, stream(split, Purpose::kQuestion, task_number), index).next());
  example.thinking = thinking_for(task, example.clip.truth);
  example.answer = answer_for(task, example.clip.truth);
  return example;
}

}  // namespace stapes::world
