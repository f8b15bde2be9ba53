#include "train/run/init.h"

#include "base/fail.h"
#include "base/file.h"
#include "text/bpe_trainer.h"
#include "text/tokenizer.h"
#include "train/run/checkpoint.h"
#include "world/world.h"

namespace stapes::train {

std::string learned_tokenizer_json(int merges, bool all_texts) {
  constexpr int kCorpusSamples = 4000;
  const auto texts = all_texts ? world::CorpusTexts::kAll : world::CorpusTexts::kFirstTasks;
  return train_tokenizer_json(world::text_corpus(kCorpusSamples, texts), merges);
}

ModelConfig init_model(const std::filesystem::path& folder, const InitOptions& options) {
  ModelConfig config = config_like(options.like);
  if (options.encoder_layers > 0) config.encoder.layers = options.encoder_layers;
  if (options.decoder_layers > 0) config.decoder.layers = options.decoder_layers;
  if (options.vocabulary > 0) config.decoder.vocabulary = options.vocabulary;

  ModelFiles files;
  if (options.tokenizer.empty()) {
    files.tokenizer_json =
        learned_tokenizer_json(options.tokenizer_merges, options.tokenizer_all_texts);
  } else {
    files.tokenizer_json = read_file(options.tokenizer);
  }
  const Tokenizer tokenizer = Tokenizer::parse(files.tokenizer_json, "tokenizer.json");
  const auto size = static_cast<int64_t>(tokenizer.size());
  if (options.tokenizer.empty()) {
    // A learned tokenizer has ids of its own; the tiny model's embedding has no more rows than it
    // needs.
    if (options.like == "tiny" && options.vocabulary == 0)
      config.decoder.vocabulary = (size + 31) / 32 * 32;
    config.eos_token_ids = {tokenizer.require("<|endoftext|>"), tokenizer.require("<|EOT|>")};
  }
  if (size > config.decoder.vocabulary)
    fail(ErrorCode::kInvalidModel,
         "the tokenizer has {} tokens, but the model's vocabulary only {}", size,
         config.decoder.vocabulary);
  files.config_json = to_json(config);
  files.generation_config_json = "{\n  \"do_sample\": false\n}\n";
  write_model_folder(folder, files, Parameters::random(config, options.seed), options.dtype);
  return config;
}

}  // namespace stapes::train
