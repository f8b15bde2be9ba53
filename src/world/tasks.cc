// Names of the tasks, and the ways to ask for them.
#include <array>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/fail.h"
#include "base/rng.h"
#include "world/questions.h"
#include "world/world.h"

namespace stapes::world {
namespace {

struct TaskText {
  const char* name;
  const char* canonical_question;
  std::vector<std::string> paraphrases;
};

const TaskText& text_of(Task task) {
  static const std::array<TaskText, kTaskCount> kTexts = {{
      {"transcribe",
       "Which digits are spoken?",
       {"What digits do you hear?", "Write down the spoken digits in order.",
        "List the digits that the recording contains.", "Transcribe the digits.",
        "Which numbers from zero to nine are said?"}},
      {"count-digits",
       "How many digits are spoken?",
       {"Count the spoken digits.", "What is the number of spoken digits?",
        "How many digits do you hear?", "How many digits does the recording contain?"}},
      {"sum",
       "What is the sum of the digits?",
       {"Add up the spoken digits.", "What do the digits add up to?",
        "What is the total of the digits that you hear?",
        "Which number do you get by adding all spoken digits?"}},
      {"largest",
       "Which digit is the largest?",
       {"What is the largest spoken digit?", "Name the highest digit that is spoken.",
        "Which of the digits that you hear is the greatest?",
        "What is the maximum of the spoken digits?"}},
      {"same-speaker",
       "Are all digits spoken by the same person?",
       {"Does one person speak all digits?", "Is it the same voice all the time?",
        "Is there only one speaker?", "Do all digits come from a single voice?"}},
      {"count-notes",
       "How many notes are there?",
       {"Count the notes.", "How many notes does the melody have?",
        "What is the number of notes that you hear?", "How many notes are played?"}},
      {"count-rises",
       "How many times does the melody rise?",
       {"How often does the melody go up?", "Count the upward steps of the melody.",
        "How many notes are higher than the note just before?",
        "How many times does the pitch go up from one note to the next?"}},
      {"highest-note",
       "Which note is the highest?",
       {"At which place is the highest note?", "Give the position of the highest note.",
        "Which note has the highest pitch?", "What is the number of the note with the top pitch?"}},
      {"loudness",
       "Does the loudness rise or fall?",
       {"Does the melody get louder or softer?", "How does the loudness change?",
        "Does the volume rise, fall or stay steady?",
        "Is the loudness rising, falling or steady?"}},
      {"conflict",
       "Does it rise or fall?",
       {"Is it rising or falling?", "Rise or fall: which is it?", "Is it a rise or a fall?",
        "Tell whether it rises or falls."}},
      {"count-beats",
       "How many beats are there?",
       {"Count the beats.", "How many beats do you hear?", "What is the number of beats?",
        "How many times is the beat struck?"}},
  }};
  const auto index = static_cast<size_t>(task);
  STAPES_CHECK(index < kTexts.size(), "task {}", index);
  return kTexts[index];
}

}  // namespace

const char* name(Task task) {
  return text_of(task).name;
}

const char* canonical_question(Task task) {
  return text_of(task).canonical_question;
}

const std::vector<std::string>& paraphrases(Task task) {
  return text_of(task).paraphrases;
}

Task task_by_name(const std::string& wanted) {
  std::vector<std::string> names;
  for (int index = 0; index < kTaskCount; ++index) {
    const auto task = static_cast<Task>(index);
    if (wanted == name(task)) return task;
    names.emplace_back(name(task));
  }
  fail(ErrorCode::kUsage, "expected a task of the sound world ({}), got \"{}\"",
       fmt::join(names, ", "), wanted);
}

ClipKind clip_kind(Task task) {
  if (task <= Task::kSameSpeaker || task == Task::kConflict) return ClipKind::kSpeech;
  return task == Task::kCountBeats ? ClipKind::kBeats : ClipKind::kMusic;
}

bool is_speech_task(Task task) {
  return clip_kind(task) == ClipKind::kSpeech;
}

const char* name(ClipKind kind) {
  return kind == ClipKind::kSpeech ? "speech" : kind == ClipKind::kMusic ? "music" : "beats";
}

ClipKind Truth::kind() const {
  if (is_speech()) return ClipKind::kSpeech;
  return events.empty() || events.front().midi_note >= 0 ? ClipKind::kMusic : ClipKind::kBeats;
}

std::string question_for(Task task, double paraphrase_share, uint64_t seed) {
  Rng rng(seed);
  if (!rng.chance(paraphrase_share)) return canonical_question(task);
  return rng.pick(paraphrases(task));
}

}  // namespace stapes::world
