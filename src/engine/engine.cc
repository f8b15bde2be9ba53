#include "stapes/engine.h"

#include <utility>

#include "base/fail.h"
#include "engine/generator.h"
#include "engine/prepared_request.h"
#include "engine/sequence.h"
#include "text/utf8.h"

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

std::vector<int64_t> Engine::tokenize(std::string_view text, bool control_tokens) const {
  if (const size_t invalid = find_invalid_utf8(text); invalid != std::string_view::npos)
    fail(ErrorCode::kInvalidText, "the text: byte {} is not valid UTF-8", invalid);
  const Tokenizer& tokenizer = impl_->generator.model().tokenizer;
  const std::vector<TokenId> ids =
      control_tokens ? tokenizer.encode(text) : tokenizer.encode_plain(text);
  return {ids.begin(), ids.end()};
}

std::vector<int64_t> Engine::prompt_ids(const Request& request) const {
  const PreparedRequest prepared = prepare_request(impl_->generator.model(), request);
  return {prepared.prompt.ids.begin(), prepared.prompt.ids.end()};
}

std::string Engine::detokenize(std::span<const int64_t> ids, bool skip_special_tokens) const {
  const Tokenizer& tokenizer = impl_->generator.model().tokenizer;
  check_token_ids(tokenizer, ids);
  const std::vector<TokenId> narrow(ids.begin(), ids.end());
  return tokenizer.decode(narrow, skip_special_tokens);
}

int64_t Engine::context_tokens() const {
  return impl_->generator.model().context_tokens;
}

AudioRule Engine::audio_rule() const {
  return impl_->generator.model().audio_rule;
}

void Engine::nudge() const {
  impl_->generator.nudge();
}

const SamplingOptions& Engine::default_sampling() const {
  return impl_->generator.model().default_sampling;
}

double Engine::load_ms() const {
  return impl_->load_ms;
}

}  // namespace stapes
