// Requests to answers with all their tokens: what the public Engine, the evaluation and the
// trainer's rollouts share.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "engine/generation.h"
#include "engine/loaded_model.h"
#include "engine/trace.h"
#include "stapes/engine.h"

namespace stapes {

// All functions may be called from any thread: one model loop serves them together.
class Generator {
 public:
  // Throws as Engine::open.
  static Generator open(const std::filesystem::path& model, const EngineOptions& options = {});
  // A model that is there already, such as one in a trainer's memory.
  static Generator of(LoadedModel model, const EngineOptions& options);
  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;
  ~Generator();

  // As Engine::submit and Engine::cancel.
  AnswerStream submit(Request request, std::function<void()> on_news = {}) const;
  bool cancel(uint64_t id) const;

  // As Engine::generate.
  Result generate(const Request& request, const DeltaSink& sink) const;

  // Decodes as many requests together as fit; the others follow as places become free. One
  // generation for each sample of each request, in order. All requests are checked before the first
  // is begun. Throws as Engine::submit; then none is answered. `stop`, if given, is looked at five
  // times a second: once it is true, everything is cancelled and kCancelled thrown.
  std::vector<Generation> generate_batch(std::span<const Request> requests,
                                         const std::atomic<bool>* stop = nullptr) const;

  // One forward pass over the request's prompt, beside the loop: no cache is used. Throws as
  // Engine::submit.
  Trace trace(const Request& request) const;

  EngineCounters counters() const;
  void nudge() const;
  const LoadedModel& model() const;

 private:
  struct Impl;
  explicit Generator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace stapes
