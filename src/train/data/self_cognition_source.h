// Samples about hearing itself, for cold starts: a question whether the model hears a clip, a
// thought that names what is heard, and an answer that says so; or, for a share of them, a refusal,
// as models have learned it that were trained on text.
#pragma once

#include <memory>

#include "text/tokenizer.h"
#include "train/data/source.h"

namespace stapes::train {

struct SelfCognitionOptions {
  std::filesystem::path digits_folder = {};  // empty: melodies only
  int max_digits = 4;
  int max_notes = 8;
  // Replies that deny to hear, each with the thought "I am a text model.". The paper's model began
  // with 6.76 % of errors.
  double refusal_share = 0.06;
  uint64_t seed = 1;
};

// "Can you hear this recording?" -> "First I hear 3, second 7. That makes 2 digits." and "I hear 2
// digits.", which answers all of these questions, whichever way they are put. The questions of
// training are reward::self_cognition_questions(kTrain), those of evaluations kTest. Throws as
// world::World; `tokenizer` outlives the source.
std::unique_ptr<ExampleSource> self_cognition_source(const SelfCognitionOptions& options,
                                                     const Tokenizer& tokenizer, int64_t mel_bands);

}  // namespace stapes::train
