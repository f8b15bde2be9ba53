// The fields that /v1/chat/completions and /v1/completions share: how an answer is generated.
#pragma once

#include <string>
#include <vector>

#include "serve/openai/json_body.h"
#include "serve/openai/server_facts.h"
#include "stapes/options.h"

namespace stapes::serve {

constexpr int kMostSamples = 64;

// temperature, top_p, top_k, min_p, the three penalties, seed, stop, stop_token_ids, ignore_eos.
// max_tokens is left as `otherwise` says where the body does not. Throws RequestError naming the
// field.
SamplingOptions read_sampling(const Field& body, const ModelFacts& facts, int max_tokens_otherwise);

// Refuses a text that is longer than most_text_bytes.
void check_text_size(const Field& text, const ModelFacts& facts);

// n: 1 to 64.
int read_samples(const Field& body);

struct StreamFields {
  bool stream = false;
  bool include_usage = false;
};
StreamFields read_stream_fields(const Field& body);

// Refuses, by name, what would change the answer and is not there: nobody should believe that it
// was heeded.
void refuse_unsupported(const Field& body);

}  // namespace stapes::serve
