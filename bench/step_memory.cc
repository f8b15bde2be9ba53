// The memory of a LoRA step on a large decoder's shape, with few of its layers: what the formula
// says (src/train/memory/step_memory.h) beside what libtorch's allocator counted and what the
// process took.
//   OPENBLAS_CORETYPE=SkylakeX build/bin/step_memory [--layers 2] [--rows 512] [--bf16]
//   [--checkpointing]
// Exit status 1 where the two are more than 10 % apart.
#include <fmt/format.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>

#include "train/testing/measured_step.h"
#include "train/testing/small_model.h"

namespace {

using namespace stapes;
using namespace stapes::train;

struct Flags {
  int64_t layers = 2, examples = 1, rows = 512, rank = 16;
  bool bf16 = false, checkpointing = false;
};

// Qwen2.5-1.5B's decoder. The sound's part is the small model's: LoRA runs it without a tape.
ModelConfig shape_of_1_5b(int64_t layers) {
  ModelConfig config = config_like("tiny");
  config.decoder.width = 1536;
  config.decoder.feed_forward = 8960;
  config.decoder.heads = 12;
  config.decoder.kv_heads = 2;
  config.decoder.layers = layers;
  config.decoder.vocabulary = 151936;
  return config;
}

int64_t most_resident_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

void print(const char* what, int64_t bytes) {
  fmt::print("{:<28}{:>10.1f} MB\n", what, static_cast<double>(bytes) / 1e6);
}

int run(const Flags& flags) {
  prepare_libtorch(1, flags.bf16 ? "bf16" : "f32");
  const ModelConfig config = shape_of_1_5b(flags.layers);
  const StepPlan plan{.lora = {.rank = flags.rank,
                               .alpha = 16,
                               .targets = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj",
                                           "up_proj", "down_proj"}},
                      .frozen_bf16 = flags.bf16,
                      .bf16_products = flags.bf16,
                      .recompute_layers = flags.checkpointing};
  // Half of the rows are in the loss.
  std::vector<TrainingExample> examples;
  for (int64_t i = 0; i < flags.examples; ++i) {
    examples.push_back(
        random_example(config, 0, flags.rows - 1, static_cast<uint64_t>(i)));
    for (size_t row = 0; row < examples.back().labels.size() / 2; ++row)
      examples.back().labels[row] = kIgnore;
  }
  const Batch batch = make_batch(examples, config.encoder.mel_bands);
  const StepMemory estimate = estimate_step(config, plan, shape_of(batch));
  const int64_t before = most_resident_bytes();
  const MeasuredStep measured = measure_step(config, plan, batch);
  const int64_t grown = most_resident_bytes() - before;

  fmt::print("{} layers of the 1.5B shape, {} x {} rows, rank {}, {}{}\n", flags.layers,
             flags.examples, flags.rows, flags.rank, flags.bf16 ? "bf16" : "f32",
             flags.checkpointing ? ", layers computed twice" : "");
  print("weights", estimate.weights);
  print("gradients", estimate.gradients);
  print("optimizer", estimate.optimizer);
  print("activations", estimate.activations);
  print("estimate, together", estimate.total());
  print("measured, weights", measured.weights_bytes);
  print("measured, peak of two steps", measured.peak_bytes);
  print("the process grew by", grown);
  const auto off = [](int64_t expected, int64_t found) {
    return 100 * (static_cast<double>(expected) / static_cast<double>(found) - 1);
  };
  const double all = off(estimate.total(), measured.peak_bytes);
  const double beside =
      off(estimate.total() - estimate.weights, measured.peak_bytes - measured.weights_bytes);
  fmt::print("the estimate is off by {:+.1f} %, without the weights by {:+.1f} %\n", all, beside);
  return std::abs(all) <= 10 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Flags flags;
  CLI::App program("The memory of a LoRA step: formula and measurement.", "step_memory");
  program.add_option("--layers", flags.layers, "Decoder layers")->capture_default_str();
  program.add_option("--examples", flags.examples, "Sequences in the batch")->capture_default_str();
  program.add_option("--rows", flags.rows, "Rows of each")->capture_default_str();
  program.add_option("--rank", flags.rank, "Rank of LoRA")->capture_default_str();
  program.add_flag("--bf16", flags.bf16, "Frozen weights and products in bf16");
  program.add_flag("--checkpointing", flags.checkpointing, "Compute layers twice");
  CLI11_PARSE(program, argc, argv);
  return run(flags);
}
