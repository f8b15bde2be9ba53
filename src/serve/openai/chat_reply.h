// What the engine writes, as chat.completion or chat.completion.chunk objects.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "serve/openai/chat_request.h"
#include "stapes/engine.h"

namespace stapes::serve {

// One for each request; not thread-safe. Every JSON text is one line.
class ChatReplyWriter {
 public:
  // id: "chatcmpl-..."; created: seconds since 1970; model: as it is named in the reply. Of the
  // request everything but `native` is kept; of that, what is needed (it may be moved from after).
  ChatReplyWriter(const ChatRequest& request, std::string id, int64_t created, std::string model);
  ChatReplyWriter(ChatReplyWriter&&) noexcept;
  ChatReplyWriter& operator=(ChatReplyWriter&&) noexcept;
  ~ChatReplyWriter();

  // Stream: zero or more chunks (without the "data: " of the frame).
  std::vector<std::string> on_delta(const Delta& delta);
  // The last chunks: the reasons of finish, and the usage where it was asked for.
  std::vector<std::string> on_end(const std::vector<Result>& results);

  // Not a stream: the whole body.
  std::string whole(const std::vector<Result>& results);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stapes::serve
