#include "world/world.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <thread>

#include "stapes/error.h"
#include "world/digit_bank.h"
#include "world/mixing.h"
#include "world/test_support.h"

namespace stapes::world {
namespace {

using ::testing::HasSubstr;

WorldOptions options_for(const std::filesystem::path& folder) {
  WorldOptions options;
  options.digits_folder = folder;
  return options;
}

class ToneWorldTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<test::TemporaryFolder>();
    test::write_tone_digits(folder_->path());
  }
  static void TearDownTestSuite() { folder_.reset(); }
  static WorldOptions options() { return options_for(folder_->path()); }

  static inline std::unique_ptr<test::TemporaryFolder> folder_;
};

void expect_equal(const Example& a, const Example& b) {
  EXPECT_EQ(a.clip.audio.samples, b.clip.audio.samples);
  EXPECT_EQ(a.question, b.question);
  EXPECT_EQ(a.thinking, b.thinking);
  EXPECT_EQ(a.answer, b.answer);
  ASSERT_EQ(a.clip.truth.events.size(), b.clip.truth.events.size());
  for (size_t i = 0; i < a.clip.truth.events.size(); ++i) {
    EXPECT_EQ(a.clip.truth.events[i].start_s, b.clip.truth.events[i].start_s);
    EXPECT_EQ(a.clip.truth.events[i].level_db, b.clip.truth.events[i].level_db);
  }
}

Task task_of(size_t index) {
  return static_cast<Task>(index % kTaskCount);
}

TEST_F(ToneWorldTest, ExamplesDependOnTheirArgumentsOnly) {
  const World world(options());
  constexpr size_t kCount = 180;
  std::vector<Example> alone;
  for (size_t i = 0; i < kCount; ++i)
    alone.push_back(world.example(task_of(i), Split::kTrain, 7, i));

  // Another world, several threads, another order.
  const World other(options());
  std::vector<Example> together(kCount);
  {
    std::vector<std::jthread> threads;
    for (size_t worker = 0; worker < 4; ++worker)
      threads.emplace_back([&, worker] {
        for (size_t i = kCount; i-- > 0;)
          if (i % 4 == worker) together[i] = other.example(task_of(i), Split::kTrain, 7, i);
      });
  }
  for (size_t i = 0; i < kCount; ++i) expect_equal(alone[i], together[i]);
}

TEST_F(ToneWorldTest, SeedIndexAndSplitMatter) {
  const World world(options());
  for (const Task task : {Task::kTranscribe, Task::kSameSpeaker, Task::kCountNotes}) {
    const auto sound = [&](Split split, uint64_t seed, uint64_t index) {
      return world.example(task, split, seed, index).clip.audio.samples;
    };
    const auto base = sound(Split::kTrain, 1, 1);
    EXPECT_NE(base, sound(Split::kTest, 1, 1));
    EXPECT_NE(base, sound(Split::kTrain, 2, 1));
    EXPECT_NE(base, sound(Split::kTrain, 1, 2));
  }
}

TEST_F(ToneWorldTest, SeveralQuestionsCanBeAskedAboutOneClip) {
  const World world(options());
  const auto speech = world.speech_clip(Split::kTrain, 3, 4).audio.samples;
  EXPECT_EQ(world.example(Task::kTranscribe, Split::kTrain, 3, 4).clip.audio.samples, speech);
  EXPECT_EQ(world.example(Task::kSum, Split::kTrain, 3, 4).clip.audio.samples, speech);
  const auto melody = world.melody_clip(Split::kTrain, 3, 4).audio.samples;
  EXPECT_EQ(world.example(Task::kCountRises, Split::kTrain, 3, 4).clip.audio.samples, melody);
}

double loudest_near(std::span<const float> samples, double hz) {
  double loudest = 0;
  for (double factor = 0.85; factor <= 1.1501; factor += 0.01)
    loudest = std::max(loudest, test::amplitude_at(samples, hz * factor));
  return loudest;
}

TEST_F(ToneWorldTest, TestTakesAreNeverInTrainingClipsNorTheOtherWayRound) {
  for (const bool augment : {false, true}) {
    WorldOptions given = options();
    given.augment = augment;
    const World world(given);
    for (const Split split : {Split::kTrain, Split::kTest})
      for (uint64_t i = 0; i < 50; ++i) {
        const Clip clip = world.speech_clip(split, 2, i);
        for (const Event& event : clip.truth.events) {
          const auto sound = test::part(clip, event.start_s, event.end_s);
          const bool test_take =
              loudest_near(sound, test::kTestToneHz) > loudest_near(sound, test::kTrainToneHz);
          ASSERT_EQ(test_take, split == Split::kTest) << "clip " << i;
        }
      }
  }
}

TEST_F(ToneWorldTest, AnswersAreBalanced) {
  const World world(options());
  constexpr int kCount = 1200;
  const auto answers = [&](Task task) {
    std::map<std::string, int> counts;
    for (uint64_t i = 0; i < kCount; ++i) ++counts[world.example(task, Split::kTrain, 5, i).answer];
    return counts;
  };
  // Tolerances: four standard deviations of a fair draw.
  const auto yes_no = answers(Task::kSameSpeaker);
  EXPECT_EQ(yes_no.size(), 2U);
  EXPECT_NEAR(yes_no.at("yes"), kCount / 2, 70);
  const auto trends = answers(Task::kLoudness);
  EXPECT_EQ(trends.size(), 3U);
  for (const char* trend : {"rise", "fall", "steady"})
    EXPECT_NEAR(trends.at(trend), kCount / 3, 65) << trend;
  const auto digits = answers(Task::kCountDigits);
  EXPECT_EQ(digits.size(), 4U);
  for (const char* count : {"1", "2", "3", "4"}) EXPECT_NEAR(digits.at(count), kCount / 4, 60);
  const auto notes = answers(Task::kCountNotes);
  EXPECT_EQ(notes.size(), 6U);
  for (const char* count : {"3", "4", "5", "6", "7", "8"})
    EXPECT_NEAR(notes.at(count), kCount / 6, 52);
}

TEST_F(ToneWorldTest, HalfOfTheConflictsConflict) {
  const World world(options());
  constexpr int kCount = 1200;
  std::map<std::pair<int, int>, int> trends;
  for (uint64_t i = 0; i < kCount; ++i) {
    const Example example = world.example(Task::kConflict, Split::kTrain, 5, i);
    const Truth& truth = example.clip.truth;
    ++trends[{truth.number_trend, truth.loudness_trend}];
    EXPECT_EQ(example.answer, truth.loudness_trend > 0 ? "rise" : "fall");
    EXPECT_EQ(example.answer != surrogate_answer_for(Task::kConflict, truth), truth.conflicts());
  }
  ASSERT_EQ(trends.size(), 4U);
  for (const auto& [trend, count] : trends) EXPECT_NEAR(count, kCount / 4, 60);
}

TEST_F(ToneWorldTest, BeatsAreApartAndOfAllCounts) {
  const World world(options());
  std::map<size_t, int> counts;
  std::map<std::string, int> kinds;
  int regular = 0;
  constexpr int kCount = 600;
  for (uint64_t i = 0; i < kCount; ++i) {
    const Clip clip = world.beats_clip(Split::kTrain, 5, i);
    const auto& events = clip.truth.events;
    EXPECT_EQ(clip.truth.kind(), ClipKind::kBeats);
    ++counts[events.size()];
    ++kinds[clip.truth.timbre];
    EXPECT_LT(clip.audio.seconds(), 9);
    EXPECT_GE(clip.audio.seconds(), events.back().end_s);
    double shortest = 1, longest = 0;
    for (size_t e = 1; e < events.size(); ++e) {
      const double gap = events[e].start_s - events[e - 1].start_s;
      shortest = std::min(shortest, gap);
      longest = std::max(longest, gap);
    }
    EXPECT_GE(shortest, 0.1499);
    if (clip.truth.notes_per_second > 0) {
      ++regular;
      EXPECT_NEAR(shortest, 1 / clip.truth.notes_per_second, 1e-9);
      EXPECT_NEAR(longest, 1 / clip.truth.notes_per_second, 1e-9);
    }
  }
  EXPECT_EQ(counts.size(), 28U);
  EXPECT_EQ(counts.begin()->first, 3U);
  EXPECT_EQ(counts.rbegin()->first, 30U);
  EXPECT_EQ(kinds.size(), 3U);
  EXPECT_NEAR(regular, kCount / 2, 60);
}

TEST_F(ToneWorldTest, TasksThatNobodyNamesAreTheFirstNine) {
  const World world(options());
  std::vector<Task> first;
  for (int task = 0; task < 9; ++task) first.push_back(static_cast<Task>(task));
  EXPECT_EQ(tasks_to_ask({}, world), first);
  EXPECT_EQ(tasks_to_ask({Task::kCountBeats, Task::kSum}, world),
            (std::vector<Task>{Task::kSum, Task::kCountBeats}));
  const World silent({});
  EXPECT_EQ(tasks_to_ask({}, silent), (std::vector<Task>{Task::kCountNotes, Task::kCountRises,
                                                         Task::kHighestNote, Task::kLoudness}));
  EXPECT_THROW(tasks_to_ask({Task::kConflict}, silent), Error);
}

TEST_F(ToneWorldTest, CurriculaShortenTheClips) {
  WorldOptions given = options();
  given.max_digits = 1;
  given.max_notes = 3;
  given.max_beats = 3;
  const World world(given);
  for (uint64_t i = 0; i < 50; ++i) {
    EXPECT_EQ(world.speech_clip(Split::kTrain, 1, i).truth.events.size(), 1U);
    EXPECT_EQ(world.melody_clip(Split::kTrain, 1, i).truth.events.size(), 3U);
    const Example same = world.example(Task::kSameSpeaker, Split::kTrain, 1, i);
    EXPECT_EQ(same.clip.truth.events.size(), 2U);
    EXPECT_EQ(world.conflict_clip(Split::kTrain, 1, i).truth.events.size(), 2U);
    EXPECT_EQ(world.beats_clip(Split::kTrain, 1, i).truth.events.size(), 3U);
  }
}

template <typename Action>
void expect_error(ErrorCode code, const std::string& message, const Action& action) {
  try {
    action();
    FAIL() << "no error, expected: " << message;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(message));
  }
}

TEST(WorldErrors, Options) {
  const auto make = [](auto change) {
    return [change] {
      WorldOptions options;
      change(options);
      const World world(options);
    };
  };
  const auto usage = ErrorCode::kUsage;
  expect_error(usage, "expected max_digits from 1 to 4, got 5",
               make([](WorldOptions& o) { o.max_digits = 5; }));
  expect_error(usage, "expected max_notes from 3 to 8, got 2",
               make([](WorldOptions& o) { o.max_notes = 2; }));
  expect_error(usage, "expected max_beats from 3 to 30, got 31",
               make([](WorldOptions& o) { o.max_beats = 31; }));
  expect_error(usage, "expected paraphrase_share from 0 to 1, got 1.5",
               make([](WorldOptions& o) { o.paraphrase_share = 1.5; }));
  expect_error(usage, "expected first_test_take not after last_test_take, got 9 and 5",
               make([](WorldOptions& o) { o.first_test_take = 9, o.last_test_take = 5; }));
}

TEST(WorldErrors, Folders) {
  const test::TemporaryFolder folder;
  const auto open = [&] { const World world(options_for(folder.path())); };
  expect_error(ErrorCode::kNotFound,
               "expected a folder of spoken digits at \"/no/such/place\", found nothing",
               [] { const World world(options_for("/no/such/place")); });
  expect_error(ErrorCode::kInvalidData, "expected recordings named DIGIT_SPEAKER_TAKE.wav in",
               open);
  std::ofstream(folder.path() / "README.wav") << "not a recording";
  expect_error(ErrorCode::kInvalidData, "found none", open);
  expect_error(ErrorCode::kNotFound, "found a file",
               [&] { const World world(options_for(folder.path() / "README.wav")); });
  write_wav_file(folder.path() / "3_ann_0.wav", {std::vector<float>(1000)});
  expect_error(ErrorCode::kInvalidData, "expected audible recordings", open);
  std::ofstream(folder.path() / "4_ann_0.wav") << "not a recording";
  expect_error(ErrorCode::kInvalidAudio, "4_ann_0.wav", open);
}

TEST(WorldErrors, MissingSplitSpeakerOrSpeech) {
  const test::TemporaryFolder folder;
  write_wav_file(folder.path() / "3_ann_0.wav", {test::sine(500, 0.2)});
  const World world(options_for(folder.path()));
  EXPECT_TRUE(world.has_speech());
  EXPECT_EQ(world.example(Task::kLargest, Split::kTrain, 1, 1).answer, "3");
  expect_error(ErrorCode::kInvalidData, "expected test takes of at least 1 speaker(s)",
               [&] { world.speech_clip(Split::kTest, 1, 1); });
  expect_error(ErrorCode::kInvalidData, "expected training takes of at least 2 speaker(s)",
               [&] { world.example(Task::kSameSpeaker, Split::kTrain, 1, 1); });
  expect_error(ErrorCode::kInvalidData, "needs two different digits of each speaker, found 1",
               [&] { world.example(Task::kConflict, Split::kTrain, 1, 1); });

  const World silent({});
  EXPECT_FALSE(silent.has_speech());
  expect_error(ErrorCode::kUsage, "speech tasks need a folder of recorded digits",
               [&] { silent.example(Task::kSum, Split::kTrain, 1, 1); });
  EXPECT_EQ(silent.example(Task::kLoudness, Split::kTrain, 1, 1).clip.truth.is_speech(), false);
}

class RealDigitsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = test::spoken_digits_folder();
    if (folder_.empty())
      GTEST_SKIP() << "THE SPOKEN DIGITS ARE NOT HERE: set STAPES_SHARED_AUDIO to the folder that "
                      "has spoken-digits/; this test did not run";
  }
  std::filesystem::path folder_;
};

TEST_F(RealDigitsTest, CleanClipsAreTheRecordingsAtTheirPlaces) {
  WorldOptions options = options_for(folder_);
  options.augment = false;
  const World world(options);
  const DigitBank bank(folder_, 5, 9);
  EXPECT_GT(bank.size(), 2600U);
  EXPECT_EQ(bank.speaker_count(Split::kTrain), 6);
  EXPECT_EQ(bank.speaker_count(Split::kTest), 6);
  for (uint64_t i = 0; i < 100; ++i) {
    const Clip clip = world.speech_clip(Split::kTest, 1, i);
    double end_before = 0;
    for (const Event& event : clip.truth.events) {
      for (const float sample : test::part(clip, end_before, event.start_s)) ASSERT_EQ(sample, 0);
      end_before = event.end_s;
      const auto sound = test::part(clip, event.start_s, event.end_s);
      EXPECT_NEAR(test::level_dbfs(sound), event.level_db, 0.01);
      // Exactly one of the test takes of this digit by this speaker is this very sound.
      int found_takes = 0;
      for (int take = 5; take <= 9; ++take) {
        const auto path = folder_ / fmt::format("{}_{}_{}.wav", event.digit, event.speaker, take);
        const std::vector<float> whole = load_audio_file(path).samples;
        const auto matches_at = std::search(
            whole.begin(), whole.end(), sound.begin() + 100, sound.begin() + 400,
            [](float a, float b) { return std::abs(a - b) <= 1e-3F * std::abs(a) + 1e-6F; });
        found_takes += matches_at != whole.end() ? 1 : 0;
      }
      EXPECT_EQ(found_takes, 1) << event.digit << " " << event.speaker;
    }
  }
}

TEST_F(RealDigitsTest, AugmentedClipsAreWithinTheirLimits) {
  const World world(options_for(folder_));
  double lowest_snr = 100, seconds = 0, longest = 0, widest_db = 0;
  int silent = 0;
  constexpr uint64_t kCount = 400;
  for (uint64_t i = 0; i < kCount; ++i) {
    const Clip clip = world.speech_clip(Split::kTrain, 1, i);
    EXPECT_GE(clip.truth.noise_db, 10);
    silent += std::isinf(clip.truth.noise_db) ? 1 : 0;
    lowest_snr = std::min(lowest_snr, clip.truth.noise_db);
    double quietest_db = 0, loudest_db = -100;
    for (const Event& event : clip.truth.events) {
      quietest_db = std::min(quietest_db, event.level_db);
      loudest_db = std::max(loudest_db, event.level_db);
    }
    widest_db = std::max(widest_db, loudest_db - quietest_db);
    seconds += clip.audio.seconds();
    longest = std::max(longest, clip.audio.seconds());
    float peak = 0;
    for (const float sample : clip.audio.samples) {
      ASSERT_TRUE(std::isfinite(sample));
      peak = std::max(peak, std::abs(sample));
    }
    EXPECT_GE(20 * std::log10(peak), -30.01);
    EXPECT_LE(20 * std::log10(peak), -2.99);
    double end_before = 0;
    for (const Event& event : clip.truth.events) {
      EXPECT_GE(event.start_s - end_before, 0.0499);
      EXPECT_GT(event.end_s, event.start_s + 0.05);
      end_before = event.end_s;
    }
    EXPECT_GE(clip.audio.seconds() - end_before, 0.0499);
  }
  EXPECT_LT(lowest_snr, 12);
  EXPECT_GT(widest_db, 20) << "some clips keep the levels at which they were recorded";
  // 0.7 · 0.15 + 0.3 · 0.5 of the clips have no noise; four standard deviations of a fair draw.
  EXPECT_NEAR(silent, 0.255 * kCount, 35);
  EXPECT_LT(longest, 6.1);
  std::cout << "mean length " << seconds / kCount << " s, longest " << longest << " s\n";
}

// The course survives whatever is augmented: what is measured on the clip goes its way at each
// step.
TEST_F(RealDigitsTest, ConflictsGetLouderOrSofterDigitByDigit) {
  for (const bool augment : {false, true}) {
    WorldOptions options = options_for(folder_);
    options.augment = augment;
    const World world(options);
    std::set<size_t> lengths;
    for (uint64_t i = 0; i < 300; ++i) {
      const Clip clip = world.conflict_clip(Split::kTest, 3, i);
      const auto& events = clip.truth.events;
      lengths.insert(events.size());
      double energy_per_s = 0, seconds = 0;
      for (const Event& event : events) {
        const double length = event.end_s - event.start_s;
        energy_per_s += length * std::pow(10, event.level_db / 10);
        seconds += length;
      }
      // Of all events together, less the ratio that the truth states: the noise's own level.
      const double noise = energy_per_s / seconds * std::pow(10, -clip.truth.noise_db / 10);
      for (size_t e = 0; e < events.size(); ++e) {
        const auto sound = test::part(clip, events[e].start_s, events[e].end_s);
        const double expected = 10 * std::log10(std::pow(10, events[e].level_db / 10) + noise);
        EXPECT_NEAR(test::level_dbfs(sound), expected, augment ? 2.0 : 0.01) << "clip " << i;
        if (e == 0) continue;
        EXPECT_EQ(events[e].speaker, events[0].speaker);
        EXPECT_GT((events[e].digit - events[e - 1].digit) * clip.truth.number_trend, 0);
        EXPECT_GT((events[e].level_db - events[e - 1].level_db) * clip.truth.loudness_trend, 3.9);
        const auto before = test::part(clip, events[e - 1].start_s, events[e - 1].end_s);
        EXPECT_GT((test::level_dbfs(sound) - test::level_dbfs(before)) * clip.truth.loudness_trend,
                  0.5)
            << "clip " << i << ", digit " << e;
      }
    }
    EXPECT_EQ(lengths, (std::set<size_t>{2, 3, 4}));
  }
}

TEST_F(RealDigitsTest, PrintsItsSpeed) {
  // Processor time: other programs on the machine do not count.
  const auto since = [](std::clock_t start) {
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  auto start = std::clock();
  const World world(options_for(folder_));
  std::cout << "construction " << since(start) << " processor seconds\n";
  for (const Task task :
       {Task::kTranscribe, Task::kCountNotes, Task::kConflict, Task::kCountBeats}) {
    start = std::clock();
    for (uint64_t i = 0; i < 300; ++i) world.example(task, Split::kTrain, 1, i);
    std::cout << name(task) << ": " << 300 / since(start) << " clips per processor second\n";
  }
}

}  // namespace
}  // namespace stapes::world
