#include "stapes/engine.h"

#include <utility>

#include "engine/generator.h"
#include "engine/sequence.h"

namespace stapes {

struct Engine::Impl {
  Generator generator;
  double load_ms = 0;
};

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

Engine Engine::open(const std::filesystem::path& model, const EngineOptions& options) {
  const Clock::time_point start = Clock::now();
  auto impl = std::make_unique<Impl>(Impl{Generator::open(model, options)});
  impl->load_ms = milliseconds_since(start);
  return Engine(std::move(impl));
}

AnswerStream Engine::submit(Request request, std::function<void()> on_news) const {
  return impl_->generator.submit(std::move(request), std::move(on_news));
}

bool Engine::cancel(uint64_t id) const {
  return impl_->generator.cancel(id);
}

Result Engine::generate(const Request& request, const DeltaSink& sink) const {
  return impl_->generator.generate(request, sink);
}

EngineCounters Engine::counters() const {
  return impl_->generator.counters();
}

const SamplingOptions& Engine::default_sampling() const {
  return impl_->generator.default_sampling();
}

double Engine::load_ms() const {
  return impl_->load_ms;
}

}  // namespace stapes
