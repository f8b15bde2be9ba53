// A training recipe: one TOML file says everything that a run depends on. Unknown keys are errors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace stapes::train {

struct ModelRecipe {
  std::filesystem::path init;  // model folder to start from (stapes-train init); empty: `like`
  std::string like = "tiny";   // shape of the random model where `init` is empty
  int tokenizer_merges = 300;  // of its tokenizer, learned from the world's texts
  bool tokenizer_all_texts = false;  // those without sound, too, and of all tasks; else of nine
  std::filesystem::path output;      // where the finished model goes
  std::string save_dtype = "bf16";
  // How matrices of frozen parts are kept in memory: "f32", or "bf16" (half of it; sft and dpo).
  std::string frozen_dtype = "f32";
};

// Low-rank adaptation (sft and dpo): the model's own weights are frozen.
struct LoraRecipe {
  int64_t rank = 0;   // 0: there is no [lora]; with it 8 is the default
  double alpha = 16;  // the pairs' product counts alpha / rank times
  // Linear layers by their names' ends, as in peft.
  std::vector<std::string> targets = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                      "gate_proj", "up_proj", "down_proj"};
};

// From `from_step` on, clips have at most this many events: easier first.
struct CurriculumStage {
  int64_t from_step = 0;
  int max_digits = 4;
  int max_notes = 8;
};

// Clips made on the fly by the sound world, and what is asked about them.
struct WorldRecipe {
  std::filesystem::path digits_folder;  // the world's recordings
  // Of the world, by name; empty: its first nine. Each clip of its own kind (conflict, count-beats)
  // has an equal share of the clips, 1 / tasks; the others are speech or melodies.
  std::vector<std::string> tasks;
  int questions_per_clip = 3;
  double melody_share = 0.35;         // of the world's clips
  double thinking_share = 0.75;       // of the replies; the others answer directly
  double question_first_share = 0.1;  // of the clips: the question stands before the sound
  double paraphrase_share = 0.4;
  // Of the thoughts: in the words of a reader ("The text lists 3 and 7."), with the answer that
  // follows from the words. For a cold start whose thinking comes from text.
  double surrogate_share = 0;
  // Of the other thoughts: one thing in them is heard wrongly, and the answer follows from that.
  // For a model whose thinking errs now and then where its direct answers do not.
  double misheard_share = 0;
  // Of the thoughts: broken off at some word, as a thinking budget does it. Only the answer is in
  // the loss, so the model learns to answer from what it has thought so far, not to break off.
  double cut_thought_share = 0;
  // Of the world's clips: questions whether the model hears (train/data/self_cognition_source.h).
  double self_cognition_share = 0;
  double refusal_share = 0.06;  // of those: replies that deny it
  bool mask_spectrogram =
      true;  // SpecAugment: random bands and times of the mel set to the clip's floor
  std::vector<CurriculumStage> curriculum;
};

// One of several sources.
struct DataSourceRecipe {
  std::string name;
  double weight = 1;            // its share of the samples, beside the others' weights
  std::filesystem::path jsonl;  // one file, or shards: "data/part-*.jsonl"
  bool is_world = false;        // or the sound world
  WorldRecipe world;            // what it does not say itself it has from [data]
  bool is_text = false;         // or texts without sound (docs/world.md); `tasks` and
                                // `thinking_share` of `world` are theirs
};

struct DataRecipe : WorldRecipe {
  std::filesystem::path jsonl;            // as DataSourceRecipe; empty: the sound world
  std::vector<DataSourceRecipe> sources;  // in place of `jsonl` and the world
  // A reply without a thought: is the empty thought that stands before it something that the model
  // writes (in the loss, the paper's way), or is it given to it in the prompt?
  bool empty_think_loss = true;
  int64_t max_tokens = 0;  // JSONL: longer samples are left out, and counted; 0: none
  int64_t quarantine = 0;  // JSONL: so many bad lines are left out and kept in quarantine.jsonl
};

struct OptimizerRecipe {
  int64_t steps = 1000;
  int clips_per_step = 32;      // samples, with a clip or without
  int64_t tokens_per_step = 0;  // above 0: in place of clips_per_step
  double learning_rate = 1e-3;
  // Of the parts, times learning_rate; the embeddings have the decoder's.
  double encoder_learning_rate_scale = 1.0;
  double adaptor_learning_rate_scale = 1.0;
  double decoder_learning_rate_scale = 1.0;
  std::vector<std::string> freeze;  // "encoder", "adaptor", "decoder", "embeddings"
  int64_t warmup_steps = 100;
  double final_learning_rate_ratio = 0.02;  // cosine from 1 to this
  double weight_decay = 0.01;               // of matrices only
  double beta1 = 0.9, beta2 = 0.98;
  double gradient_clip = 1.0;  // global norm
  double helper_weight = 0.5;  // of the encoder's frame loss; 0: there is none
  std::string dtype = "f32";   // or "bf16": matrix products in bf16, weights and sums in f32
  bool gradient_checkpointing =
      false;  // decoder layers are computed twice and keep their input only
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
  int64_t completions_every = 0;  // steps between replies in completions.jsonl; 0: none
  int completions = 8;            // so many of them, to clips that are not trained on
};

struct Recipe {
  std::string name;
  std::filesystem::path run_folder;  // checkpoints, metrics; default runs/NAME
  ModelRecipe model;
  DataRecipe data;
  LoraRecipe lora;
  OptimizerRecipe optimizer;
  LoggingRecipe logging;
  std::string source_text;  // the file as read: stored with the run
};

// Relative paths in the recipe are relative to the working directory.
// Throws kNotFound, kInvalidData (the line, the key, what was expected).
Recipe load_recipe(const std::filesystem::path& path);
Recipe parse_recipe(const std::string& toml, const std::string& where);

// The world's recordings, for all of the recipe's sources.
void set_digits_folder(DataRecipe& data, const std::filesystem::path& folder);

}  // namespace stapes::train
