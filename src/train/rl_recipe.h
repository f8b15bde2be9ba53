// The recipe of reinforcement learning. What the paper (arXiv 2511.15848) says stands as the
// default; what it leaves open (learning rates, critic, batch sizes, the definition of "reasoning
// present") is a key with a default from other published recipes, and no value of the paper's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "train/recipe.h"
#include "train/rl/reward.h"

namespace stapes::train {

struct RlDataRecipe {
  std::filesystem::path jsonl;          // prompts with `answer`; empty: the sound world
  std::filesystem::path digits_folder;  // the world's recordings
  std::vector<std::string> tasks;       // of the world, texts among them; empty: the first nine
  double paraphrase_share = 0.4;
  int max_digits = 4;
  int max_notes = 8;
  std::filesystem::path text_jsonl;  // prompts without sound, mixed in; empty: none
  double text_share = 0.4;  // of all prompts where there are any; the paper: 2,000 of 5,000
};

// Prompts are kept whose answers are right `lowest` to `highest` times of `samples`.
struct SelectionRecipe {
  int64_t pool = 0;  // prompts that are looked at; 0: none, all prompts are used as they come
  int samples = 8;   // the paper: pass@8 from 3 to 6
  int lowest = 3;
  int highest = 6;
};

struct RolloutRecipe {
  int prompts = 32;  // of an iteration
  int samples = 16;  // of a prompt (the paper's)
  int max_tokens = 256;
  int64_t live_sequences = 512;  // generated together
  int64_t kv_tokens = 0;         // key/value memory; 0: as live_sequences need, within what is free
  // The engine's and the trainer's log-probabilities of the sampled tokens are compared before
  // each update; beyond this difference (nats) the run stops. For dtype "f32"; "bf16" needs more.
  double mismatch_mean = 1e-5;
  double mismatch_max = 1e-3;
};

struct AdvantageRecipe {
  std::string estimator = "gae";  // or "grpo", "rloo": both without a critic
  double gamma = 1, lambda = 1;   // of "gae"
  bool whiten = true;             // of "gae": over all tokens of the batch
};

struct PolicyRecipe {
  double learning_rate = 1e-6;
  int64_t warmup_updates = 50;
  int epochs = 1;       // passes over an iteration's replies
  int minibatches = 1;  // updates of a pass; 1 and 1: strictly on policy
  double clip = 0.2;
  // "k1": taken off the reward of each token; "k3": added to the loss; both against the model that
  // the run began with.
  std::string kl = "none";
  double kl_weight = 0;
  double weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.95;
  double gradient_clip = 1;
  bool train_adaptor = true;  // the encoder never is
};

struct CriticRecipe {
  double learning_rate = 5e-6;
  int64_t warmup_updates = 50;
  int minibatches = 12;
  double clip = 0;  // of the value's change; 0: none
  double weight_decay = 0;
  double beta1 = 0.9, beta2 = 0.95;
  double gradient_clip = 1;
  // The policy waits until the critic explains some of the variance of the returns (more than 0) of
  // replies that it was not trained on, but for no more iterations than this.
  int64_t warmup_iterations = 50;
};

struct RlLoggingRecipe {
  int64_t evaluate_every = 10;  // iterations
  int evaluation_prompts = 128;
  int64_t checkpoint_every = 10;
  int keep_checkpoints = 2;
  int64_t completions_every = 1;  // iterations between lines in completions.jsonl
  int completions = 8;            // replies that are kept each time, at random; 0: all
  // Share of the micro-batches on which the distance to the starting model is measured where no KL
  // term asks for it on all; 0: never, and no copy of that model is kept.
  double reference_share = 0.125;
};

struct RlRecipe {
  std::string name;
  std::filesystem::path run_folder;
  ModelRecipe model;  // `init` is required
  RlDataRecipe data;
  SelectionRecipe selection;
  RolloutRecipe rollout;
  TaskRewardOptions reward;
  std::vector<RewardPlugin> reward_plugins;
  AdvantageRecipe advantage;
  PolicyRecipe policy;
  CriticRecipe critic;
  RlLoggingRecipe logging;
  int64_t iterations = 100;
  int64_t micro_batch_tokens = 2048;  // rows of one forward pass, padding included
  std::string dtype = "f32";
  uint64_t seed = 1;
  int threads = 1;
  std::string source_text;

  bool has_critic() const { return advantage.estimator == "gae"; }
};

// As load_recipe and parse_recipe.
RlRecipe load_rl_recipe(const std::filesystem::path& path);
RlRecipe parse_rl_recipe(const std::string& toml, const std::string& where);

}  // namespace stapes::train
