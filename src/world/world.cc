#include "world/world.h"

#include <algorithm>
#include <optional>

#include "base/fail.h"
#include "base/rng.h"
#include "world/beats.h"
#include "world/melody.h"
#include "world/speech.h"

namespace stapes::world {
namespace {

// What a stream of random numbers is for; the streams of the two splits never meet.
enum class Purpose : uint64_t {
  kSpeech,
  kSpeechOfTwoOrMore,
  kMelody,
  kQuestion,
  kConflict,
  kBeats
};

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
  expect(options.max_beats >= 3 && options.max_beats <= 30, "max_beats from 3 to 30",
         options.max_beats);
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

  const DigitBank& bank() const {
    if (!digits)
      fail(
          ErrorCode::kUsage,
          "speech tasks need a folder of recorded digits (DIGIT_SPEAKER_TAKE.wav), none was given");
    return *digits;
  }

  Clip speech(Split split, Purpose purpose, uint64_t seed, uint64_t index) const {
    const DigitBank& recordings = bank();
    SpeechOptions speech_options{.max_digits = options.max_digits, .augment = options.augment};
    if (purpose == Purpose::kSpeechOfTwoOrMore) {
      recordings.require_speakers(split, 2);
      speech_options.min_digits = 2;
      speech_options.max_digits = std::max(2, options.max_digits);
    }
    Rng rng(seed, stream(split, purpose), index);
    return make_speech_clip(recordings, split, speech_options, rng);
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

Clip World::conflict_clip(Split split, uint64_t seed, uint64_t index) const {
  Rng rng(seed, stream(split, Purpose::kConflict), index);
  return make_conflict_clip(
      impl_->bank(), split,
      {.max_digits = impl_->options.max_digits, .augment = impl_->options.augment}, rng);
}

Clip World::beats_clip(Split split, uint64_t seed, uint64_t index) const {
  Rng rng(seed, stream(split, Purpose::kBeats), index);
  const Truth plan = plan_beats(impl_->options.max_beats, rng);
  return render_beats(plan, impl_->options.augment, rng);
}

Clip World::clip_for(Task task, Split split, uint64_t seed, uint64_t index) const {
  if (task == Task::kConflict) return conflict_clip(split, seed, index);
  if (task == Task::kCountBeats) return beats_clip(split, seed, index);
  if (!is_speech_task(task)) return melody_clip(split, seed, index);
  // One digit alone would always be by the same person.
  return impl_->speech(split,
                       task == Task::kSameSpeaker ? Purpose::kSpeechOfTwoOrMore : Purpose::kSpeech,
                       seed, index);
}

Example World::example(Task task, Split split, uint64_t seed, uint64_t index) const {
  Example example;
  example.task = task;
  example.clip = clip_for(task, split, seed, index);
  const auto task_number = static_cast<uint64_t>(task);
  example.question =
      question_for(task, impl_->options.paraphrase_share,
                   Rng(seed, stream(split, Purpose::kQuestion, task_number), index).next());
  example.thinking = thinking_for(task, example.clip.truth);
  example.answer = answer_for(task, example.clip.truth);
  return example;
}

std::vector<Task> tasks_to_ask(const std::vector<Task>& wanted, const World& world) {
  std::vector<Task> tasks;
  for (int i = 0; i < kTaskCount; ++i) {
    const auto task = static_cast<Task>(i);
    const bool possible = world.has_speech() || !is_speech_task(task);
    const bool named = std::ranges::count(wanted, task) > 0;
    if (named && !possible)
      fail(ErrorCode::kUsage, "the task {} needs recordings of spoken digits, and none were given",
           name(task));
    if (named || (wanted.empty() && possible && i < kFirstTaskCount)) tasks.push_back(task);
  }
  return tasks;
}

}  // namespace stapes::world
