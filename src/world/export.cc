#include "world/export.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <ostream>

#include "audio/audio_file.h"
#include "base/fail.h"
#include "base/file.h"
#include "world/notes.h"
#include "world/text_twins.h"

namespace stapes::world {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Event& event) {
  Json json = {{"start_s", event.start_s}, {"end_s", event.end_s}, {"level_db", event.level_db}};
  if (event.digit >= 0) {
    json["digit"] = event.digit;
    json["speaker"] = event.speaker;
  } else if (event.midi_note >= 0) {
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
  }
  if (truth.kind() == ClipKind::kMusic || truth.number_trend != 0)
    json["loudness_trend"] = truth.loudness_trend;
  if (truth.number_trend != 0) {
    json["number_trend"] = truth.number_trend;
    json["conflicts"] = truth.conflicts();
  }
  return json;
}

Json messages(const std::string& question, const std::string& thinking, const std::string& answer) {
  const std::string reply = fmt::format("<think>\n{}\n</think>\n{}", thinking, answer);
  const Json user = {{"role", "user"}, {"content", question}};
  const Json assistant = {{"role", "assistant"}, {"content", reply}};
  return Json::array({user, assistant});
}

Json to_json(const Example& example, const std::string& audio) {
  return {{"messages", messages("<audio>" + example.question, example.thinking, example.answer)},
          {"audios", Json::array({audio})},
          {"task", name(example.task)},
          {"answer", example.answer},
          {"truth", to_json(example.clip.truth)}};
}

Json to_json(const TextExample& example) {
  Json json = {{"messages", messages(example.question, example.thinking, example.answer)},
               {"task", example.task},
               {"answer", example.answer},
               {"answer_kind", example.answer_kind}};
  if (!example.choices.empty()) json["choices"] = example.choices;
  return json;
}

const char* name_of(Split split) {
  return split == Split::kTrain ? "train" : "test";
}

void prepare(const std::filesystem::path& folder, int count) {
  if (count < 0) fail(ErrorCode::kUsage, "expected a number of examples from 0, got {}", count);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    fail(ErrorCode::kIo, "cannot make the folder \"{}\": {}", folder.string(), error.message());
}

}  // namespace

void export_examples(const World& world, Split split, int count, uint64_t seed,
                     const std::filesystem::path& folder, const std::vector<Task>& tasks) {
  const std::vector<Task> asked = tasks_to_ask(tasks, world);
  const std::string split_name = name_of(split);
  prepare(folder / split_name, count);
  write_file_atomically(folder / (split_name + ".jsonl"), [&](std::ostream& lines) {
    for (int i = 0; i < count; ++i) {
      const Task task = asked[static_cast<size_t>(i) % asked.size()];
      const Example example = world.example(task, split, seed, static_cast<uint64_t>(i));
      const std::string audio = fmt::format("{}/{:06}.wav", split_name, i);
      write_wav_file(folder / audio, example.clip.audio);
      lines << to_json(example, audio).dump() << '\n';
    }
  });
}

void export_texts(Split split, int count, uint64_t seed, const std::filesystem::path& folder,
                  const std::vector<std::string>& tasks) {
  const std::vector<std::string>& asked = tasks.empty() ? text_tasks() : tasks;
  for (const std::string& task : asked) require_text_task(task);
  prepare(folder, count);
  const auto path = folder / fmt::format("{}-text.jsonl", name_of(split));
  write_file_atomically(path, [&](std::ostream& lines) {
    for (int i = 0; i < count; ++i) {
      const auto place = static_cast<size_t>(i);
      const TextExample example = text_example(asked[place % asked.size()], split, seed,
                                               static_cast<uint64_t>(place / asked.size()));
      lines << to_json(example).dump() << '\n';
    }
  });
}

}  // namespace stapes::world
