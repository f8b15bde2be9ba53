#include "train/dpo/hearing_prompts.h"

#include "audio/audio_file.h"
#include "reward/self_cognition.h"
#include "train/data/jsonl_rows.h"
#include "train/data/shuffle.h"

namespace stapes::train {
namespace {

constexpr const char* kTask = "self-cognition";

class Questions {
 public:
  explicit Questions(uint64_t seed) : seed_(seed) {}

  RolloutPrompt about(AudioClip clip, Phase phase, uint64_t index) const {
    const auto& questions = phase == Phase::kTraining ? train_ : test_;
    RolloutPrompt prompt;
    prompt.task = kTask;
    prompt.id = fmt::format("{}/{}", kTask, index);
    prompt.messages = {
        {"user",
         {ContentPart::of_audio(0),
          ContentPart::of_text(questions[shuffled(index, questions.size(), seed_)])}}};
    prompt.clips.push_back(std::move(clip));
    prompt.columns = nlohmann::json::object();
    return prompt;
  }

 private:
  uint64_t seed_;
  std::vector<std::string> train_ = reward::self_cognition_questions(world::Split::kTrain);
  std::vector<std::string> test_ = reward::self_cognition_questions(world::Split::kTest);
};

class WorldHearingPrompts : public PromptSource {
 public:
  explicit WorldHearingPrompts(const WorldPromptOptions& options)
      : options_(options),
        world_({.digits_folder = options.digits_folder,
                .max_digits = options.max_digits,
                .max_notes = options.max_notes}),
        questions_(options.seed) {}

  RolloutPrompt get(Phase phase, uint64_t index) const override {
    const auto split = phase == Phase::kTraining ? world::Split::kTrain : world::Split::kTest;
    const bool speech = world_.has_speech() && index % 2 == 0;
    world::Clip clip = speech ? world_.speech_clip(split, options_.seed, index)
                              : world_.melody_clip(split, options_.seed, index);
    RolloutPrompt prompt = questions_.about(std::move(clip.audio), phase, index);
    prompt.truth = std::move(clip.truth);
    return prompt;
  }

  uint64_t count() const override { return 0; }
  std::vector<std::string> tasks() const override { return {kTask}; }
  std::string fingerprint() const override {
    return "hearing world " + options_.digits_folder.filename().string();
  }

 private:
  WorldPromptOptions options_;
  world::World world_;
  Questions questions_;
};

class JsonlHearingPrompts : public PromptSource {
 public:
  JsonlHearingPrompts(const std::filesystem::path& path, uint64_t seed)
      : file_(read_jsonl(path)), questions_(seed) {
    std::erase_if(file_.rows, [](const JsonlRow& row) { return row.audios.empty(); });
    if (file_.rows.empty())
      fail(ErrorCode::kInvalidData, "{}: no row has a clip to ask about", path.string());
  }

  RolloutPrompt get(Phase phase, uint64_t index) const override {
    const auto& audio = file_.rows[index % file_.rows.size()].audios.front();
    RolloutPrompt prompt = questions_.about(load_audio_file(audio), phase, index);
    prompt.columns["audio"] = std::filesystem::absolute(audio).lexically_normal().string();
    return prompt;
  }

  uint64_t count() const override { return file_.rows.size(); }
  std::vector<std::string> tasks() const override { return {kTask}; }
  std::string fingerprint() const override { return "hearing " + file_.fingerprint; }

 private:
  JsonlFile file_;
  Questions questions_;
};

}  // namespace

std::unique_ptr<PromptSource> world_hearing_prompts(const WorldPromptOptions& options) {
  return std::make_unique<WorldHearingPrompts>(options);
}

std::unique_ptr<PromptSource> jsonl_hearing_prompts(const std::filesystem::path& path,
                                                    uint64_t seed) {
  return std::make_unique<JsonlHearingPrompts>(path, seed);
}

}  // namespace stapes::train
