#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/rng.h"
#include "spec/audio_tokens.h"
#include "train/data/mixed_source.h"
#include "train/data/self_cognition_source.h"
#include "train/data/source.h"
#include "world/notes.h"
#include "world/world.h"

namespace stapes::train {
namespace {

using world::Split;
using world::Task;

// Streams of random numbers that must not meet.
enum Stream : uint64_t { kKind = 1, kQuestions = 2, kMask = 3, kOwnKind = 4 };

// A pulse is of no class: only its place and its level are known.
int32_t sound_class(const world::Event& event) {
  if (event.digit >= 0) return 1 + event.digit;
  if (event.midi_note < 0) return 0;
  return 11 + static_cast<int32_t>(world::pitch_index(event.midi_note));
}

int32_t speaker_class(const world::Event& event) {
  const auto& known = world::kDigitSpeakers;
  const auto speaker = std::find(known.begin(), known.end(), event.speaker);
  return speaker == known.end() ? 0 : 1 + static_cast<int32_t>(speaker - known.begin());
}

int32_t level_class(const world::Event& event, const world::Truth& truth) {
  constexpr double kStepDb = 3;
  double loudest_db = event.level_db;
  for (const auto& other : truth.events) loudest_db = std::max(loudest_db, other.level_db);
  const auto steps = static_cast<int32_t>((loudest_db - event.level_db) / kStepDb);
  return 1 + std::min(steps, kLevelClasses - 2);
}

FrameTargets frame_targets(const world::Truth& truth, int64_t mel_frames) {
  constexpr double kFrameSeconds = 0.04;
  const auto frames = static_cast<size_t>(encoder_frames(mel_frames));
  FrameTargets targets;
  targets.sound.assign(frames, 0);
  targets.ordinal.assign(frames, 0);
  targets.speaker.assign(frames, 0);
  targets.voice.assign(frames, 0);
  targets.level.assign(frames, 0);
  for (size_t e = 0; e < truth.events.size(); ++e) {
    const auto& event = truth.events[e];
    for (size_t frame = 0; frame < frames; ++frame) {
      const double middle_s = (static_cast<double>(frame) + 0.5) * kFrameSeconds;
      // A pulse is hardly longer than a frame; it stands for the frame in which it begins.
      const bool pulse = event.digit < 0 && event.midi_note < 0;
      const bool heard = pulse ? std::abs(middle_s - event.start_s) <= kFrameSeconds / 2
                               : middle_s >= event.start_s && middle_s < event.end_s;
      if (!heard) continue;
      targets.sound[frame] = sound_class(event);
      targets.ordinal[frame] = std::min(static_cast<int32_t>(e) + 1, kOrdinalClasses - 1);
      targets.speaker[frame] = speaker_class(event);
      if (event.digit >= 0) targets.voice[frame] = event.speaker == truth.events[0].speaker ? 1 : 2;
      targets.level[frame] = level_class(event, truth);
    }
  }
  return targets;
}

// SpecAugment (Park et al. 2019): up to two bands and two stretches of time become the clip's
// quietest value.
void mask_spectrogram(MelSpectrogram& mel, Rng& rng) {
  if (mel.values.empty()) return;
  const float floor = *std::min_element(mel.values.begin(), mel.values.end());
  for (int64_t i = rng.integer(0, 2); i > 0; --i) {
    const int64_t width = rng.integer(1, std::max<int64_t>(mel.bands / 10, 1));
    const int64_t begin = rng.integer(0, mel.bands - width);
    for (int64_t frame = 0; frame < mel.frames; ++frame)
      std::fill_n(mel.values.begin() + frame * mel.bands + begin, width, floor);
  }
  for (int64_t i = rng.integer(0, 2); i > 0; --i) {
    const int64_t length = std::min<int64_t>(rng.integer(1, 6), mel.frames);
    const int64_t begin = rng.integer(0, mel.frames - length);
    std::fill_n(mel.values.begin() + begin * mel.bands, length * mel.bands, floor);
  }
}

std::vector<Task> tasks_about(const world::Truth& truth) {
  if (truth.kind() == world::ClipKind::kBeats) return {Task::kCountBeats};
  if (!truth.is_speech()) {
    std::vector<Task> tasks = {Task::kCountNotes, Task::kCountRises, Task::kLoudness};
    // "The highest" is only a fair question where one note is.
    int highest = 0, count = 0;
    for (const auto& event : truth.events) {
      if (event.midi_note > highest) highest = event.midi_note, count = 0;
      count += event.midi_note == highest ? 1 : 0;
    }
    if (count == 1) tasks.push_back(Task::kHighestNote);
    return tasks;
  }
  std::vector<Task> tasks = {Task::kTranscribe, Task::kCountDigits, Task::kSum, Task::kLargest};
  // Of a conflict the speaker is always one.
  if (truth.number_trend != 0)
    tasks.push_back(Task::kConflict);
  else if (truth.events.size() > 1)
    tasks.push_back(Task::kSameSpeaker);
  return tasks;
}

void shuffle(std::vector<Task>& tasks, Rng& rng) {
  for (size_t i = tasks.size(); i > 1; --i)
    std::swap(tasks[i - 1],
              tasks[static_cast<size_t>(rng.integer(0, static_cast<int64_t>(i) - 1))]);
}

class WorldSource : public ExampleSource {
 public:
  WorldSource(const WorldRecipe& recipe, uint64_t seed, const Tokenizer& tokenizer,
              int64_t mel_bands, EmptyThought empty)
      : recipe_(recipe), seed_(seed), tokenizer_(tokenizer), mel_(mel_bands), empty_(empty) {
    for (const auto& task : recipe.tasks) tasks_.push_back(world::task_by_name(task));
    stages_ = recipe.curriculum.empty() ? std::vector<CurriculumStage>{{}} : recipe.curriculum;
    for (const auto& stage : stages_) {
      world::WorldOptions options;
      options.digits_folder = recipe.digits_folder;
      options.max_digits = stage.max_digits;
      options.max_notes = stage.max_notes;
      options.paraphrase_share = recipe.paraphrase_share;
      worlds_.emplace_back(options);
    }
    tasks_ = world::tasks_to_ask(tasks_, worlds_.back());
  }

  TrainingExample get(Phase phase, uint64_t index, int64_t step) const override {
    const uint64_t seed = seed_of(phase);
    const world::Clip clip = clip_of(phase, index, step);
    MelSpectrogram mel = mel_.compute(clip.audio.samples);
    FrameTargets frames = frame_targets(clip.truth, mel.frames);
    if (phase == Phase::kTraining && recipe_.mask_spectrogram) {
      Rng mask(seed, kMask, index);
      mask_spectrogram(mel, mask);
    }
    std::vector<MelSpectrogram> mels;
    mels.push_back(std::move(mel));
    TrainingExample example =
        make_example(tokenizer_, std::move(mels), questions(clip.truth, seed, index));
    example.frames = std::move(frames);
    example.origin = fmt::format("{} {}",
                                 clip.truth.is_speech()                         ? "speech"
                                 : clip.truth.kind() == world::ClipKind::kBeats ? "beats"
                                                                                : "melody",
                                 index);
    return example;
  }

  int64_t rows(Phase phase, uint64_t index, int64_t step) const override {
    const world::Clip clip = clip_of(phase, index, step);
    const int64_t tokens =
        audio_token_count(mel_frame_count(std::ssize(clip.audio.samples)), AudioRule::kHuggingFace);
    const auto asked = questions(clip.truth, seed_of(phase), index);
    return std::ssize(make_example_rows(tokenizer_, {tokens}, asked).ids);
  }

  std::string fingerprint() const override {
    std::string text = "world " + recipe_.digits_folder.filename().string();
    for (const auto& task : recipe_.tasks) text += " " + task;
    return text;
  }

 private:
  const world::World& world_at(int64_t step) const {
    size_t stage = 0;
    while (stage + 1 < stages_.size() && step >= stages_[stage + 1].from_step) ++stage;
    return worlds_[stage];
  }

  uint64_t seed_of(Phase phase) const {
    return phase == Phase::kTraining ? seed_ : mix64(seed_ + 1);
  }

  world::Clip clip_of(Phase phase, uint64_t index, int64_t step) const {
    const Split split = phase == Phase::kTraining ? Split::kTrain : Split::kTest;
    const uint64_t seed = seed_of(phase);
    const world::World& sounds = phase == Phase::kTraining ? world_at(step) : worlds_.back();
    // Tasks with clips of their own kind: an equal share each.
    Rng own(seed, kOwnKind, index);
    const Task drawn = own.pick(tasks_);
    if (drawn == Task::kConflict) return sounds.conflict_clip(split, seed, index);
    if (drawn == Task::kCountBeats) return sounds.beats_clip(split, seed, index);
    const auto about = [&](world::ClipKind kind) {
      return std::any_of(tasks_.begin(), tasks_.end(), [&](Task task) {
        return task != Task::kConflict && world::clip_kind(task) == kind;
      });
    };
    Rng kind(seed, kKind, index);
    const bool melody = !about(world::ClipKind::kSpeech) ||
                        (about(world::ClipKind::kMusic) && kind.chance(recipe_.melody_share));
    if (melody) return sounds.melody_clip(split, seed, index);
    world::Clip clip = sounds.speech_clip(split, seed, index);
    // Where only voices are asked about, one digit alone leaves nothing to ask.
    if (asked_about(clip.truth).empty())
      clip = sounds.example(Task::kSameSpeaker, split, seed, index).clip;
    return clip;
  }

  std::vector<Task> asked_about(const world::Truth& truth) const {
    std::vector<Task> tasks = tasks_about(truth);
    std::erase_if(tasks,
                  [&](Task task) { return std::count(tasks_.begin(), tasks_.end(), task) == 0; });
    return tasks;
  }

  std::vector<Question> questions(const world::Truth& truth, uint64_t seed, uint64_t index) const {
    Rng rng(seed, kQuestions, index);
    std::vector<Task> tasks = asked_about(truth);
    shuffle(tasks, rng);
    // A conflict is asked about as one, whatever else is asked.
    const auto conflict = std::find(tasks.begin(), tasks.end(), Task::kConflict);
    if (conflict != tasks.end()) std::iter_swap(tasks.begin(), conflict);
    // Rows before the sound cannot be shared by several questions, so this clip gets one.
    const bool question_first = rng.chance(recipe_.question_first_share);
    const size_t count = question_first ? 1 : static_cast<size_t>(recipe_.questions_per_clip);
    std::vector<Question> questions;
    for (size_t i = 0; i < std::min(count, tasks.size()); ++i)
      questions.push_back(question(tasks[i], truth, question_first, rng));
    return questions;
  }

  Question question(Task task, const world::Truth& truth, bool question_first, Rng& rng) const {
    ChatMessage user{"user", {ContentPart::of_audio(0)}};
    const auto text =
        ContentPart::of_text(world::question_for(task, recipe_.paraphrase_share, rng.next()));
    user.parts.insert(question_first ? user.parts.begin() : user.parts.end(), text);
    return {{user}, reply(task, truth, rng)};
  }

  // What is off (a share of 0) draws no number, so that it changes no other sample.
  Reply reply(Task task, const world::Truth& truth, Rng& rng) const {
    const auto happens = [&](double share) { return share > 0 && rng.chance(share); };
    if (!rng.chance(recipe_.thinking_share))
      return reply_without_thinking(world::answer_for(task, truth), empty_);
    std::string thinking, answer;
    if (happens(recipe_.surrogate_share)) {
      thinking = world::surrogate_thinking_for(task, truth);
      answer = world::surrogate_answer_for(task, truth);
    } else {
      const world::Truth heard =
          happens(recipe_.misheard_share) ? world::misheard(task, truth, rng.next()) : truth;
      thinking = world::thinking_for(task, heard);
      answer = world::answer_for(task, heard);
    }
    return happens(recipe_.cut_thought_share)
               ? reply_with_cut_thought(tokenizer_, thinking, answer, rng.uniform())
               : reply_with_thinking(thinking, answer);
  }

  WorldRecipe recipe_;
  uint64_t seed_;
  const Tokenizer& tokenizer_;
  LogMel mel_;
  EmptyThought empty_;
  std::vector<CurriculumStage> stages_;
  std::vector<world::World> worlds_;
  std::vector<Task> tasks_;
};

}  // namespace

std::unique_ptr<ExampleSource> world_source(const WorldRecipe& recipe, uint64_t seed,
                                            const Tokenizer& tokenizer, int64_t mel_bands,
                                            EmptyThought empty) {
  auto source = std::make_unique<WorldSource>(recipe, seed, tokenizer, mel_bands, empty);
  if (recipe.self_cognition_share == 0) return source;
  // Clips as long as those at the end of the curriculum.
  const CurriculumStage last =
      recipe.curriculum.empty() ? CurriculumStage{} : recipe.curriculum.back();
  auto hearing = self_cognition_source({.digits_folder = recipe.digits_folder,
                                        .max_digits = last.max_digits,
                                        .max_notes = last.max_notes,
                                        .refusal_share = recipe.refusal_share,
                                        .seed = seed},
                                       tokenizer, mel_bands);
  if (recipe.self_cognition_share == 1) return hearing;
  std::vector<WeightedSource> parts;
  parts.push_back({"world", std::move(source), 1 - recipe.self_cognition_share});
  parts.push_back({"self-cognition", std::move(hearing), recipe.self_cognition_share});
  return mixed_source(std::move(parts), seed);
}

}  // namespace stapes::train
