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

Result Engine::generate(const Request& request, const DeltaSink& sink) const {
  BatchSink batch_sink;
  if (sink) batch_sink = [&](size_t, const Delta& delta) { return sink(delta); };
  return std::move(impl_->generator.generate_batch({&request, 1}, batch_sink).front().result);
}

const SamplingOptions& Engine::default_sampling() const {
  return impl_->generator.default_sampling();
}

double Engine::load_ms() const {
  return impl_->load_ms;
}

}  // namespace stapes
