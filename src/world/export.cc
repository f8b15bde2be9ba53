#include "world/export.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <ostream>

#include "audio/audio_file.h"
#include "base/fail.h"
#include "base/file.h"
#include "world/notes.h"

namespace stapes::world {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Event& event) {
  Json json = {{"start_s", event.start_s}, {"end_s", event.end_s}, {"level_db", event.level_db}};
  if (event.digit >= 0) {
    json["digit"] = event.digit;
    json["speaker"] = event.speaker;
  } else {
    json["midi_note"] = event.midi_note;
    json["note"] = note_name(event.midi_note);
  }
  return json;
}

Json to_json(const Truth& truth) {
  Json json = {{"events", Json::array()}};
  for (const Event& event : truth.events) json["events"].push_back(to_json(event));
  // JSON has no infinity: null stands for "no noise".
  json["noise_db"] = std::isfinite(truth.noise_db) ? Json(truth.noise_db) : Json(nullptr);
  if (!truth.is_speech()) {
    json["timbre"] = truth.timbre;
    json["notes_per_second"] = truth.notes_per_second;
    json["loudness_trend"] = truth.loudness_trend;
  }
  return json;
}

Json to_json(const Example& example, const std::string& audio) {
  const std::string reply =
      fmt::format("<think>\n{}\n</think>\n{}", example.thinking, example.answer);
  const Json user = {{"role", "user"}, {"content", "<audio>" + example.question}};
  const Json assistant = {{"role", "assistant"}, {"content", reply}};
  return {{"messages", Json::array({user, assistant})},
          {"audios", Json::array({audio})},
          {"task", name(example.task)},
          {"answer", example.answer},
          {"truth", to_json(example.clip.truth)}};
}

}  // namespace

void export_examples(const World& world, Split split, int count, uint64_t seed,
                     const std::filesystem::path& folder) {
  if (count < 0) fail(ErrorCode::kUsage, "expected a number of examples from 0, got {}", count);
  const std::string split_name = split == Split::kTrain ? "train" : "test";
  std::error_code error;
  std::filesystem::create_directories(folder / split_name, error);
  if (error)
    fail(ErrorCode::kIo, "cannot make the folder \"{}\": {}", (folder / split_name).string(),
         error.message());
  const int first_task = world.has_speech() ? 0 : static_cast<int>(Task::kCountNotes);
  write_file_atomically(folder / (split_name + ".jsonl"), [&](std::ostream& lines) {
    for (int i = 0; i < count; ++i) {
      const auto task = static_cast<Task>(first_task + i % (kTaskCount - first_task));
      const Example example = world.example(task, split, seed, static_cast<uint64_t>(i));
      const std::string audio = fmt::format("{}/{:06}.wav", split_name, i);
      write_wav_file(folder / audio, example.clip.audio);
      lines << to_json(example, audio).dump() << '\n';
    }
  });
}

}  // namespace stapes::world
