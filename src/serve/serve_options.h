// How a server is set up.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "serve/api_keys.h"
#include "serve/http/http_options.h"
#include "serve/http/url_fetch.h"
#include "serve/openai/server_facts.h"

namespace stapes::serve {

struct ServeOptions {
  HttpOptions http;
  std::string model_id = "stapes";  // as /v1/models and replies name it
  std::string version = "0";
  // Of requests that do not say.
  ReasoningFormat reasoning_format = ReasoningFormat::kReasoningContent;
  int default_max_tokens = ModelFacts().default_max_tokens;
  ApiKeys keys;                           // none: everybody may ask
  std::vector<std::string> cors_origins;  // whose pages may ask; "*": everybody's
  AudioPolicy audio;                      // its `fetch` is set by the server
  FetchLimits fetch;                      // of sounds by URL, where `audio` allows them
  int workers = 2;                        // threads that read bodies and decode sound
  int64_t max_waiting_work = 256;         // bodies that wait for one of them; more: 429
  // A turn of the model loop may take this long (encoding a clip, a step of a large model); after
  // that the server calls itself ill.
  std::chrono::milliseconds longest_turn{120'000};
};

}  // namespace stapes::serve
