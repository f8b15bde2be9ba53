// A training recipe: one TOML file says everything that a run depends on. Unknown keys are errors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace stapes::train {

struct ModelRecipe {
  std::filesystem::path init;    // model folder to start from (stapes-train init); empty: `like`
  std::string like = "tiny";     // shape of the random model where `init` is empty
  int tokenizer_merges = 300;    // of its tokenizer, learned from the world's texts
  std::filesystem::path output;  // where the finished model goes
  std::string save_dtype = "bf16";
};

// From `from_step` on, clips have at most this many events: easier first.
struct CurriculumStage {
  int64_t from_step = 0;
  int max_digits = 4;
  int max_notes = 8;
};

struct DataRecipe {
  std::filesystem::path jsonl;          // `messages` + `audios`; empty: the sound world
  std::filesystem::path digits_folder;  // the world's recordings
  int questions_per_clip = 3;
  double melody_share = 0.35;         // of the world's clips
  double thinking_share = 0.75;       // of the replies; the others answer directly
  double question_first_share = 0.1;  // of the clips: the question stands before the sound
  double paraphrase_share = 0.4;
  // Of the world's clips: questions whether the model hears (train/data/self_cognition_source.h).
  double self_cognition_share = 0;
  double refusal_share = 0.06;  // of those: replies that deny it
  bool mask_spectrogram =
      true;  // SpecAugment: random bands and times of the mel set to the clip's floor
  std::vector<CurriculumStage> curriculum;
};

struct OptimizerRecipe {
  int64_t steps = 1000;
  int clips_per_step = 32;
  double learning_rate = 1e-3;
  double encoder_learning_rate_scale = 1.0;
  int64_t warmup_steps = 100;
  double final_learning_rate_ratio = 0.02;  // cosine from 1 to this
  double weight_decay = 0.01;               // of matrices only
  double beta1 = 0.9, beta2 = 0.98;
  double gradient_clip = 1.0;  // global norm
  double helper_weight = 0.5;  // of the encoder's frame loss
  std::string dtype = "f32";   // or "bf16": matrix products in bf16, weights and sums in f32
  uint64_t seed = 1;
  int threads = 1;  // of libtorch
  int data_threads = 1;
};

struct LoggingRecipe {
  int64_t print_every = 10;
  int64_t evaluate_every = 200;
  int evaluation_clips = 128;
  int64_t checkpoint_every = 200;
  int keep_checkpoints = 2;
};

struct Recipe {
  std::string name;
  std::filesystem::path run_folder;  // checkpoints, metrics; default runs/NAME
  ModelRecipe model;
  DataRecipe data;
  OptimizerRecipe optimizer;
  LoggingRecipe logging;
  std::string source_text;  // the file as read: stored with the run
};

// Relative paths in the recipe are relative to the working directory.
// Throws kNotFound, kInvalidData (the line, the key, what was expected).
Recipe load_recipe(const std::filesystem::path& path);
Recipe parse_recipe(const std::string& toml, const std::string& where);

}  // namespace stapes::train
