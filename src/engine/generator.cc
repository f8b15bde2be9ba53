#include "engine/generator.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "base/fail.h"
#include "engine/batch_step.h"
#include "engine/kv_page_pool.h"
#include "engine/loaded_model.h"
#include "engine/model_loop.h"
#include "engine/prepared_request.h"
#include "engine/sequence.h"

namespace stapes {
namespace {

constexpr int64_t kTraceStepRows = 512;
constexpr std::chrono::milliseconds kStopInterval(200);

Tensor copy_of(const Tensor& tensor) {
  Tensor copy(tensor.shape());
  std::ranges::copy(tensor.values(), copy.values().begin());
  return copy;
}

// Cancels what is not finished, should anything be thrown before that.
class Streams {
 public:
  ~Streams() {
    for (const auto& stream : streams_) stream->cancel();
  }
  void add(std::shared_ptr<RequestStream> stream) { streams_.push_back(std::move(stream)); }

  std::vector<Generation> wait(const std::atomic<bool>* stop) {
    std::vector<Generation> generations;
    for (const auto& stream : streams_) {
      while (stop != nullptr && !stream->wait_finished(kStopInterval))
        if (stop->load()) fail(ErrorCode::kCancelled, "stopped while answers were generated");
      std::ranges::move(stream->take_generations(), std::back_inserter(generations));
    }
    return generations;
  }

 private:
  std::vector<std::shared_ptr<RequestStream>> streams_;
};

}  // namespace

struct Generator::Impl {
  LoadedModel model;
  ModelLoop loop;

  Impl(LoadedModel loaded, const EngineOptions& options)
      : model(std::move(loaded)), loop(model, options) {}
};

Generator::Generator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;
Generator::~Generator() = default;

Generator Generator::open(const std::filesystem::path& model, const EngineOptions& options) {
  return Generator(std::make_unique<Impl>(load_model(model, options), options));
}

Generator Generator::of(LoadedModel model, const EngineOptions& options) {
  return Generator(std::make_unique<Impl>(std::move(model), options));
}

AnswerStream Generator::submit(Request request, std::function<void()> on_news) const {
  return AnswerStream(impl_->loop.submit(prepare_request(impl_->model, std::move(request)),
                                         WhenFull::kRefuse, {.on_news = std::move(on_news)}));
}

bool Generator::cancel(uint64_t id) const {
  return impl_->loop.cancel(id);
}

Result Generator::generate(const Request& request, const DeltaSink& sink) const {
  if (request.samples != 1)
    fail(ErrorCode::kUsage, "expected 1 sample where one result is returned, got {}",
         request.samples);
  AnswerStream stream(impl_->loop.submit(prepare_request(impl_->model, request), WhenFull::kWait,
                                         {.keep_deltas = sink != nullptr}));
  bool cancelled = false;
  while (const std::optional<Delta> delta = sink ? stream.next() : std::nullopt) {
    if (sink(*delta)) continue;
    cancelled = true;
    stream.cancel();
    break;
  }
  Result result = stream.result();
  if (cancelled) result.finish = FinishReason::kCancelled;  // even if it was too late
  return result;
}

std::vector<Generation> Generator::generate_batch(std::span<const Request> requests,
                                                  const std::atomic<bool>* stop) const {
  std::vector<PreparedRequest> prepared;
  for (const Request& request : requests)
    prepared.push_back(prepare_request(impl_->model, request));
  Streams streams;
  for (PreparedRequest& request : prepared)
    streams.add(impl_->loop.submit(std::move(request), WhenFull::kWait, {.keep_deltas = false}));
  return streams.wait(stop);
}

Trace Generator::trace(const Request& request) const {
  const LoadedModel& model = impl_->model;
  const auto prepared = std::make_shared<const PreparedRequest>(prepare_request(model, request));
  const auto prompt_tokens = static_cast<int64_t>(prepared->prompt.ids.size());
  KvPagePool pool(*model.ops, model.kv_layout, model.kv_layout.pages_for(prompt_tokens));
  Sequence sequence(model, prepared, pool, /*cache=*/nullptr);
  DecoderWorkspace workspace;
  Trace trace;
  trace.prompt_ids.assign(prepared->prompt.ids.begin(), prepared->prompt.ids.end());
  for (size_t i = 0; i < request.clips.size(); ++i) {
    ClipTrace clip;
    clip.mel = mel_of(model, request.clips[i]);
    clip.encoder = model.model.encoder().forward(clip.mel, model.audio_rule);
    clip.adaptor = model.model.adaptor().forward(clip.encoder, prepared->tokens_per_clip[i]);
    sequence.set_clip_rows(i, std::make_shared<const Tensor>(copy_of(clip.adaptor)));
    trace.clips.push_back(std::move(clip));
  }
  while (!sequence.prompt_is_read()) {
    SequenceStep step{.sequence = &sequence,
                      .step = sequence.next_step(std::min(sequence.demand().rows, kTraceStepRows))};
    const LogitsView logits = run_steps(model, {&step, 1}, workspace);
    if (step.first_logits < 0) continue;
    const auto last = logits.row(step.first_logits);
    trace.logits.assign(last.begin(), last.end());
  }
  return trace;
}

void Generator::nudge() const {
  impl_->loop.nudge();
}

EngineCounters Generator::counters() const {
  return impl_->loop.counters();
}

const LoadedModel& Generator::model() const {
  return impl_->model;
}

}  // namespace stapes
