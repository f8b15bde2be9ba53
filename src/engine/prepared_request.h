// A request checked and turned into a prompt, before anything is computed.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/loaded_model.h"
#include "stapes/engine.h"
#include "tensor/tensor.h"
#include "text/chat_format.h"

namespace stapes {

struct PreparedRequest {
  const Request* request = nullptr;  // outlives this
  Prompt prompt;
  std::vector<int64_t> tokens_per_clip;
};

// Throws kUsage (sampling options, no messages, an audio index out of range, a clip that no message
// points to), kInvalidText (not UTF-8; nothing asked), kInvalidAudio (a clip that is empty, too
// short, or has NaN or infinite samples), kTooLarge (a clip over the encoder's 29.98 s; a prompt
// that leaves no room for an answer in the context, or in the key/value memory).
PreparedRequest prepare_request(const LoadedModel& model, const Request& request);

// [S, M]
Tensor mel_of(const LoadedModel& model, const AudioClip& clip);

}  // namespace stapes
