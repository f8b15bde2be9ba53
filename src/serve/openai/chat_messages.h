// The messages of a chat request, as the model's turns.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "serve/openai/audio_parts.h"
#include "serve/openai/json_body.h"
#include "stapes/chat.h"

namespace stapes::serve {

struct ChatTurns {
  std::vector<ChatMessage> messages;
  std::vector<AudioClip> clips;
  // Of the last message, if it is the assistant's.
  bool ends_with_assistant = false;
  bool says_eot = false;       // it has the release's field `eot`
  bool eot = true;             // and this is its value
  bool thought_open = false;   // its text ends inside of a thought
  bool speech = false;         // its text ends with <tts_start>, which is the control token then
  size_t leading_systems = 0;  // messages at the front that are the system's
};

// OpenAI's roles and parts, and those of the release's client: human, input, function_output,
// tool_json_schemas, tts_content. Roles may come in any order. Throws RequestError.
ChatTurns read_messages(const Field& messages, const AudioPolicy& policy, const ModelFacts& facts);

}  // namespace stapes::serve
