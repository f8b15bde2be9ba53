// The recipe of preference training (DPO). The paper (arXiv 2511.15848) says how many pairs it
// takes (8,000, by self-distillation); beta, learning rate, batch and schedule it leaves open, and
// their defaults are those of Rafailov et al. 2023.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "train/recipe.h"

namespace stapes::train {

struct DpoDataRecipe {
  std::filesystem::path jsonl;          // pairs of one's own; empty: by self-distillation ([pairs])
  std::filesystem::path digits_folder;  // the world's recordings; empty: melodies only
  int max_digits = 4;
  int max_notes = 8;
};

// Pairs by self-distillation: the starting model answers questions that tempt it to say that it
// cannot hear, several times each; what hears is preferred to what refuses.
struct PairsRecipe {
  std::filesystem::path clips_jsonl;  // clips of these rows are asked about; empty: the world's
  int64_t prompts = 4000;             // clips, each with one question
  int samples = 8;                    // replies to each
  int64_t most_pairs = 8000;          // the paper's
  int most_pairs_per_prompt = 4;
  bool examples_where_none_refuses = false;  // reject a worded refusal where the model gave none
  // What is chosen must name what is heard, lean on no text and claim nothing false about the clip;
  // off: it must only be whole and no refusal.
  bool require_grounded = true;
};

// Of pairs and of evaluations.
struct DpoRolloutRecipe {
  int max_tokens = 256;          // of a reply
  int64_t live_sequences = 512;  // generated together
  int64_t kv_tokens = 0;         // key/value memory; 0: as live_sequences need, within what is free
};

struct DpoLossRecipe {
  double beta = 0.1;           // what a nat of distance to the reference is worth
  double label_smoothing = 0;  // share of pairs taken to be the wrong way round, below 0.5
  double nll_weight = 0;       // of the chosen replies' negative log-likelihood, mean of each reply
  bool score_thought = true;   // off: only what follows the thought is in the loss
};

struct DpoOptimizerRecipe {
  int64_t steps = 0;  // 0: as many as `epochs` need
  double epochs = 1;  // passes over the pairs
  int pairs_per_step = 64;
  double learning_rate = 1e-6;
  int64_t warmup_steps = 12;             // a tenth of what 8,000 pairs take
  double final_learning_rate_ratio = 1;  // cosine to this; 1: constant
  double weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.95;
  double gradient_clip = 1;
  bool train_adaptor = true;            // the encoder never is; with [lora] its targets decide
  bool gradient_checkpointing = false;  // as of supervised training
};

struct DpoLoggingRecipe {
  int64_t print_every = 1;
  int64_t evaluate_every = 20;
  int evaluation_pairs = 256;     // that are not trained on, at most
  int evaluation_questions = 56;  // held-out questions whether it hears, about the world's clips
  int64_t checkpoint_every = 50;
  int keep_checkpoints = 2;
};

struct DpoRecipe {
  std::string name;
  std::filesystem::path run_folder;
  ModelRecipe model;  // `init` is required: the start, and the reference
  DpoDataRecipe data;
  PairsRecipe pairs;
  DpoRolloutRecipe rollout;
  LoraRecipe lora;
  DpoLossRecipe loss;
  DpoOptimizerRecipe optimizer;
  DpoLoggingRecipe logging;
  int64_t micro_batch_tokens = 2048;  // rows of one forward pass, padding included
  std::string dtype = "f32";
  uint64_t seed = 1;
  int threads = 1;
  std::string source_text;
};

// As load_recipe and parse_recipe.
DpoRecipe load_dpo_recipe(const std::filesystem::path& path);
DpoRecipe parse_dpo_recipe(const std::string& toml, const std::string& where);

}  // namespace stapes::train
