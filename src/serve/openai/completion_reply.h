// What the engine writes, as text_completion objects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "serve/openai/completion_request.h"
#include "stapes/engine.h"

namespace stapes::serve {

// As ChatReplyWriter, for several prompts: choice prompt * n + sample.
class CompletionReplyWriter {
 public:
  // id: "cmpl-...". prompt_texts: what is echoed, one for each prompt; unused without echo.
  CompletionReplyWriter(const CompletionRequest& request, std::vector<std::string> prompt_texts,
                        std::string id, int64_t created, std::string model);
  CompletionReplyWriter(CompletionReplyWriter&&) noexcept;
  CompletionReplyWriter& operator=(CompletionReplyWriter&&) noexcept;
  ~CompletionReplyWriter();

  // prompt: index into CompletionRequest::natives.
  std::vector<std::string> on_delta(size_t prompt, const Delta& delta);
  // Once, when all are finished. results[prompt][sample]
  std::vector<std::string> on_end(const std::vector<std::vector<Result>>& results);

  std::string whole(const std::vector<std::vector<Result>>& results);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace stapes::serve
