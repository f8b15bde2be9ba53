// The sound world: clips whose acoustic truth is known exactly, questions about them, answers, and
// a reference chain of thought that names what is heard. Everything is a function of (seed, index).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "stapes/audio.h"

namespace stapes::world {

enum class Split : uint8_t { kTrain, kTest };

// The voices of the Free Spoken Digit Dataset, as its files name them. Other folders may have
// others.
inline constexpr std::array<const char*, 6> kDigitSpeakers = {"george",  "jackson", "lucas",
                                                              "nicolas", "theo",    "yweweler"};

// One thing that sounds: a spoken digit, a note, or (neither) a pulse: a click, a drum.
struct Event {
  double start_s = 0;
  double end_s = 0;
  int digit = -1;       // 0-9, or -1
  std::string speaker;  // of the digit
  int midi_note = -1;   // 0-127, or -1
  double level_db = 0;  // RMS without the noise, dB relative to full scale
};

enum class ClipKind : uint8_t { kSpeech, kMusic, kBeats };
const char* name(ClipKind kind);  // "speech", "music", "beats"

struct Truth {
  std::vector<Event> events;  // in order of time
  // What the events are; kMusic where there are none.
  ClipKind kind() const;
  bool is_speech() const { return !events.empty() && events.front().digit >= 0; }
  std::string timbre;           // of the melody or of the beats
  double notes_per_second = 0;  // of melodies and regular beats; 0: speech and irregular beats
  // Melodies: +1 rises, -1 falls, 0 steady. Digits that are made louder or softer one by one (the
  // task kConflict): +1 or -1; other speech: 0, where it is not known.
  int loudness_trend = 0;
  int number_trend = 0;  // of digits for kConflict: their values rise (+1) or fall (-1); else 0
  double noise_db = 0;   // mean power of the events against the noise; infinite: no noise
  // What the words say goes the other way than what is heard.
  bool conflicts() const { return loudness_trend * number_trend < 0; }
};

struct Clip {
  AudioClip audio;
  Truth truth;
};

// Names are stable: they appear in recipes, JSONL and reports.
enum class Task : uint8_t {
  kTranscribe,   // "Which digits are spoken?"                        -> "3 7 1"
  kCountDigits,  // "How many digits are spoken?"                     -> "3"
  kSum,          // "What is the sum of the digits?"                  -> "11"
  kLargest,      // "Which digit is the largest?"                     -> "7"
  kSameSpeaker,  // "Are all digits spoken by the same person?"       -> "yes" / "no"
  kCountNotes,   // "How many notes are there?"                       -> "5"
  kCountRises,   // "How many times does the melody rise?"            -> "2"
  kHighestNote,  // "Which note is the highest?"                      -> its place, "2"
  kLoudness,     // "Does the loudness rise or fall?"                 -> "rise" / "fall" / "steady"
  // Digits spoken in rising or falling order while each is louder or softer than the one before.
  // Half of the clips conflict; what is right follows the sound.
  kConflict,    // "Does it rise or fall?"                            -> "rise" / "fall"
  kCountBeats,  // "How many beats are there?"                        -> "17"
};
inline constexpr int kTaskCount = 11;
// The tasks before kConflict: those that models/tiny was trained on, and those that are asked where
// nobody names any.
inline constexpr int kFirstTaskCount = 9;
const char* name(Task task);                 // "transcribe", "count-digits", ...
Task task_by_name(const std::string& name);  // throws kUsage with the list
const char* canonical_question(Task task);
ClipKind clip_kind(Task task);  // what it is asked about
bool is_speech_task(Task task);

struct Example {
  Clip clip;
  Task task;
  std::string question;  // canonical or a paraphrase
  std::string thinking;  // names what is heard, ends in the step that gives the answer; no markers
  std::string answer;
};

struct WorldOptions {
  std::filesystem::path digits_folder;          // DIGIT_SPEAKER_TAKE.wav; empty: no speech tasks
  int first_test_take = 5, last_test_take = 9;  // takes kept apart for Split::kTest
  int max_digits = 4;                           // 1..4 recordings joined (curricula shorten it)
  int max_notes = 8;                            // 3..8
  int max_beats = 30;                           // 3..30
  bool sampled_instruments =
      false;                      // also fluidsynth with a General MIDI soundfont, where installed
  double paraphrase_share = 0.5;  // of questions that are not the canonical ones
  bool augment = true;            // level, speed, noise, colour; off: clean joins
};

class World {
 public:
  // Throws kNotFound / kInvalidData for a folder without usable recordings, kUsage for options out
  // of range, kUnsupported if sampled instruments are wanted where there are none.
  explicit World(WorldOptions options);
  ~World();
  World(World&&) noexcept;
  // Thread-safe and a pure function of its arguments and the options. The clip is speech_clip,
  // melody_clip, conflict_clip or beats_clip of the same (split, seed, index); only kSameSpeaker
  // draws its own, of two digits or more. Throws kUsage for a speech task without recordings,
  // kInvalidData for a split without any.
  Example example(Task task, Split split, uint64_t seed, uint64_t index) const;
  // Sound and truth alone (several questions can be asked about one clip).
  Clip speech_clip(Split split, uint64_t seed, uint64_t index) const;
  Clip melody_clip(Split split, uint64_t seed, uint64_t index) const;
  // Two to max_digits digits (at least two) in rising or falling order, each louder or each softer
  // than the one before; the two directions are drawn independently.
  Clip conflict_clip(Split split, uint64_t seed, uint64_t index) const;
  Clip beats_clip(Split split, uint64_t seed, uint64_t index) const;
  bool has_speech() const;

 private:
  Clip clip_for(Task task, Split split, uint64_t seed, uint64_t index) const;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The wanted tasks in the order of Task; the first kFirstTaskCount of them, as far as the world can
// ask them, where none is named. Throws kUsage for a speech task and a world without recordings.
std::vector<Task> tasks_to_ask(const std::vector<Task>& wanted, const World& world);

// Question, thinking and answer for a clip; `seed` chooses the paraphrase.
std::string question_for(Task task, double paraphrase_share, uint64_t seed);
std::string thinking_for(Task task, const Truth& truth);
std::string answer_for(Task task, const Truth& truth);

// The thought that would be right if the clip were a text (the twin's thought, text_twins.h): on a
// clip it leans on a transcript that nobody gave. "The text lists 3, 7 and 1. 3 + 7 = 10. ..."
std::string surrogate_thinking_for(Task task, const Truth& truth);
// What that thought comes to. It differs from answer_for() where the words say something else than
// the sound: for kConflict, where Truth::conflicts().
std::string surrogate_answer_for(Task task, const Truth& truth);

// The clip as somebody hears it who gets one thing wrong: another digit, note or voice, one event
// less where events are counted, the course of the loudness turned round. Where there is nothing
// that could be (a steady loudness, one event to count), the truth itself. A function of `seed`.
Truth misheard(Task task, const Truth& truth, uint64_t seed);

enum class CorpusTexts : uint8_t {
  kFirstTasks,  // what models/tiny learned its tokenizer from
  kAll,         // all tasks, surrogate thoughts, and the texts of text_twins.h
};
// Every text the world can say (questions, thoughts, answers), for the small model's tokenizer.
std::vector<std::string> text_corpus(int samples, CorpusTexts which);

}  // namespace stapes::world
