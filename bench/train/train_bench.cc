// train_bench sft|rollouts MODEL OUT [...]: our side of sft_peer.py and rollout_peer.py, which
// start it. Writes the model and the data into OUT for the peer, says {"ready": ...}, and then does
// one round for each line on its standard input and says what it took: one JSON object a line.
#include <fmt/format.h>
#include <ctime>

#include <CLI/CLI.hpp>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "audio/log_mel.h"
#include "batch_files.h"
#include "spec/audio_tokens.h"
#include "stapes/error.h"
#include "train/data/loader.h"
#include "train/memory/keep_freed_memory.h"
#include "train/nn/losses.h"
#include "train/rl/rollouts.h"
#include "train/run/optimizer.h"
#include "train/run/session.h"

namespace {

using namespace stapes;
using namespace stapes::train;
using Json = nlohmann::json;

struct BenchOptions {
  std::filesystem::path model;  // folder, or a shape's config.json: random weights
  std::filesystem::path tokenizer_of = "models/tiny";
  std::filesystem::path out;
  std::filesystem::path digits;  // empty: melodies only
  int clips = 32;
  int questions = 1;
  int prompts = 32;
  int samples = 16;
  int max_tokens = 160;
  uint64_t seed = 1;
};

struct BenchModel {
  ModelConfig config;
  ModelFiles files;
  Parameters parameters;
};

BenchModel open_model(const BenchOptions& options) {
  BenchModel model;
  const bool shape_only = options.model.extension() == ".json";
  model.files = read_model_files(shape_only ? options.tokenizer_of : options.model);
  model.config = shape_only ? parse_config(read_file(options.model), options.model.string())
                            : load_config(options.model);
  model.parameters = shape_only ? Parameters::random(model.config, options.seed)
                                : Parameters::load(options.model, model.config);
  write_model(options.out / "model", model.config, model.parameters);
  return model;
}

// Of this process: all its threads, whatever else the machine does.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

class Stopwatch {
 public:
  void read_into(Json& json) const {
    json["wall_s"] = seconds_since(wall_);
    json["cpu_s"] = cpu_seconds() - cpu_;
  }

 private:
  Clock::time_point wall_ = Clock::now();
  double cpu_ = cpu_seconds();
};

void say(const Json& json) {
  std::cout << json.dump() << std::endl;
}

template <typename Round>
void serve_rounds(Round&& round) {
  for (std::string line; std::getline(std::cin, line);) say(round(line));
}

// A group of steps as a run makes them: eight batches, sorted by length. One round trains on each.
void bench_sft(const BenchOptions& options) {
  const torch::Device device = prepare_libtorch(1, "f32");
  BenchModel model = open_model(options);
  const Tokenizer tokenizer = Tokenizer::parse(model.files.tokenizer_json, "tokenizer.json");
  const int64_t bands = model.config.encoder.mel_bands;
  WorldRecipe world;
  world.digits_folder = options.digits;
  world.questions_per_clip = options.questions;
  world.melody_share = options.digits.empty() ? 1 : 0.4;
  const auto source = world_source(world, options.seed, tokenizer, bands);

  std::vector<DeviceBatch> batches;
  Json sizes = Json::array();
  {
    BatchLoader loader(*source, options.clips, bands, options.seed, 0, 1);
    for (int64_t i = 0; i < BatchLoader::kStepsPerGroup; ++i) {
      const Batch batch = loader.next();
      write_batch(options.out / fmt::format("batch-{}", i), batch);
      sizes.push_back({{"rows", batch.rows},
                       {"mel_frames", batch.mel_frames},
                       {"tokens", batch.tokens},
                       {"in_loss", batch.tokens_in_loss}});
      batches.push_back(to_device(batch, device));
    }
  }
  OptimizerRecipe recipe;
  recipe.learning_rate = 1e-4;
  recipe.warmup_steps = 0;
  recipe.final_learning_rate_ratio = 1;
  model.parameters.require_grad(true);
  FrameHelper none = FrameHelper::zero(model.config);
  Optimizer optimizer(settings_of(recipe), supervised_groups(recipe, model.parameters, none));
  int64_t step = 0;
  say({{"ready", true},
       {"parameters", parameter_count(tensor_table(model.config))},
       {"learning_rate", recipe.learning_rate},
       {"beta1", recipe.beta1},
       {"beta2", recipe.beta2},
       {"weight_decay", recipe.weight_decay},
       {"gradient_clip", recipe.gradient_clip},
       {"batches", sizes}});

  serve_rounds([&](const std::string&) {
    Json losses = Json::array(), norms = Json::array();
    double forward_s = 0, backward_s = 0, update_s = 0;
    const Stopwatch watch;
    for (const DeviceBatch& batch : batches) {
      const double begin = cpu_seconds();
      const Losses loss = supervised_losses(model.parameters, model.config, nullptr, batch);
      const double forward_done = cpu_seconds();
      optimizer.zero_gradients();
      loss.text.backward();
      const double backward_done = cpu_seconds();
      losses.push_back(loss.text.item<double>());
      norms.push_back(optimizer.clip_gradients());
      optimizer.step(step++);
      forward_s += forward_done - begin;
      backward_s += backward_done - forward_done;
      update_s += cpu_seconds() - backward_done;
    }
    Json json = {{"losses", losses},
                 {"norms", norms},
                 {"forward_s", forward_s},
                 {"backward_s", backward_s},
                 {"update_s", update_s}};
    watch.read_into(json);
    return json;
  });
}

// What the engine reads of a prompt, as rows for the peer.
TrainingExample prompt_rows(const RolloutPrompt& prompt, const Tokenizer& tokenizer,
                            int64_t bands) {
  const LogMel mel(bands);
  TrainingExample example;
  std::vector<int64_t> rows_of_clips;
  for (const AudioClip& clip : prompt.clips) {
    example.mels.push_back(mel.compute(clip.samples));
    rows_of_clips.push_back(audio_token_count(example.mels.back().frames, AudioRule::kHuggingFace));
  }
  Prompt read = build_prompt(tokenizer, prompt.messages, rows_of_clips);
  example.ids = std::move(read.ids);
  example.audio_spans = std::move(read.audio_spans);
  for (size_t row = 0; row < example.ids.size(); ++row) {
    example.positions.push_back(static_cast<int32_t>(row));
    example.segments.push_back(0);
    example.labels.push_back(kIgnore);
  }
  const auto frames = static_cast<size_t>(encoder_frames(example.mels.front().frames));
  for (auto* targets : {&example.frames.sound, &example.frames.ordinal, &example.frames.speaker,
                        &example.frames.voice, &example.frames.level})
    targets->assign(frames, kIgnore);
  return example;
}

// One round: `samples` replies to each prompt, as an iteration of reinforcement learning makes
// them. A line is a temperature; 0 asks for one greedy reply to each and gives the ids.
void bench_rollouts(const BenchOptions& options) {
  prepare_libtorch(1, "f32");
  const BenchModel model = open_model(options);
  const RolloutEngine engine(model.config, model.files, model.parameters,
                             {.threads = 1,
                              .live_sequences = options.prompts * options.samples,
                              .max_tokens = options.max_tokens});
  const auto source = world_prompts({.digits_folder = options.digits, .seed = options.seed});
  std::vector<RolloutPrompt> prompts;
  std::vector<TrainingExample> rows;
  for (int i = 0; i < options.prompts; ++i) {
    prompts.push_back(source->get(Phase::kTraining, static_cast<uint64_t>(i)));
    rows.push_back(prompt_rows(prompts.back(), engine.tokenizer(), model.config.encoder.mel_bands));
  }
  const Batch batch = make_batch(rows, model.config.encoder.mel_bands);
  write_batch(options.out / "prompts", batch);
  say({{"ready", true},
       {"parameters", parameter_count(tensor_table(model.config))},
       {"prompts", options.prompts},
       {"samples", options.samples},
       {"max_tokens", options.max_tokens},
       {"known_ids", engine.tokenizer().size()},
       {"eos", model.config.eos_token_ids},
       {"prompt_tokens", batch.tokens}});

  uint64_t round = 0;
  serve_rounds([&](const std::string& line) {
    const double temperature = std::stod(line);
    const Stopwatch watch;
    const std::vector<Rollout> rollouts =
        engine.generate(prompts, {.samples = temperature > 0 ? options.samples : 1,
                                  .max_tokens = options.max_tokens,
                                  .temperature = temperature,
                                  .seed = ++round});
    Json json;
    watch.read_into(json);
    size_t tokens = 0;
    json["ids"] = Json::array();
    for (const Rollout& rollout : rollouts) {
      tokens += rollout.ids.size();
      if (temperature == 0) json["ids"].push_back(rollout.ids);
    }
    json["tokens"] = tokens;
    return json;
  });
}

}  // namespace

int main(int argc, char** argv) {
  stapes::train::keep_freed_memory();  // as stapes-train does
  BenchOptions options;
  CLI::App app{"Our side of bench/train/sft_peer.py and rollout_peer.py"};
  app.require_subcommand(1);
  CLI::App* sft = app.add_subcommand("sft", "supervised steps");
  CLI::App* rollouts = app.add_subcommand("rollouts", "replies of the policy");
  for (CLI::App* command : {sft, rollouts}) {
    command->add_option("model", options.model, "model folder, or a shape's JSON file")->required();
    command->add_option("out", options.out, "folder for the peer's files")->required();
    command->add_option("--digits", options.digits, "folder of spoken digits; none: melodies");
    command->add_option("--seed", options.seed);
  }
  sft->add_option("--clips", options.clips, "in a batch");
  sft->add_option("--questions", options.questions, "that share a clip");
  rollouts->add_option("--prompts", options.prompts);
  rollouts->add_option("--samples", options.samples);
  rollouts->add_option("--max-tokens", options.max_tokens);
  CLI11_PARSE(app, argc, argv);
  try {
    sft->parsed() ? bench_sft(options) : bench_rollouts(options);
  } catch (const Error& error) {
    fmt::print(stderr, "train_bench: {}\n", error.what());
    return 1;
  }
  return 0;
}
