// Requests to answers: what the public Engine, the evaluation and the trainer's rollouts share.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/trace.h"
#include "stapes/engine.h"
#include "text/tokenizer.h"

namespace stapes {

struct Generation {
  Result result;
  std::vector<TokenId> prompt_ids;
  std::vector<TokenId> ids;  // generated; the closing of a thought and the stop token included
};

// `request` is the index in the batch. Return false to cancel that request; the others go on.
using BatchSink = std::function<bool(size_t request, const Delta& delta)>;

class Generator {
 public:
  // Throws as Engine::open.
  static Generator open(const std::filesystem::path& model, const EngineOptions& options = {});
  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;
  ~Generator();

  // Decodes as many requests together as fit into the key/value memory; the others follow as places
  // become free. Each gives the same tokens as it would alone. All requests are checked before the
  // first is begun. Throws as Engine::generate; then no request is answered.
  // Calls may come from several threads: they wait for each other.
  std::vector<Generation> generate_batch(std::span<const Request> requests,
                                         const BatchSink& sink = {}) const;

  // One forward pass over the request's prompt. Throws as Engine::generate.
  Trace trace(const Request& request) const;

  const SamplingOptions& default_sampling() const;

 private:
  struct Impl;
  explicit Generator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stapes
