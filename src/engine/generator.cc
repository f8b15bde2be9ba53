#include "engine/generator.h"

#include <algorithm>
#include <deque>
#include <list>
#include <mutex>
#include <utility>

#include "engine/kv_page_pool.h"
#include "engine/loaded_model.h"
#include "engine/prepared_request.h"
#include "engine/sequence.h"

namespace stapes {
namespace {

constexpr int64_t kPageTokens = 16;
// Rows of all sequences in one step: bounds the activations' memory while long prompts are read.
constexpr int64_t kStepRows = 512;
constexpr size_t kLiveSequences = 32;

// Mel, encoder and adaptor of every clip: [tokens, D] each.
std::vector<Tensor> encode_clips(const LoadedModel& model, const Request& request) {
  std::vector<Tensor> rows;
  for (const AudioClip& clip : request.clips)
    rows.push_back(model.model.audio_rows(mel_of(model, clip), model.audio_rule));
  return rows;
}

Tensor copy_of(const Tensor& tensor) {
  Tensor copy(tensor.shape());
  std::ranges::copy(tensor.values(), copy.values().begin());
  return copy;
}

// One forward pass over the next rows of as many sequences as have a place in it, from the first
// on; logits of those whose tokens are all read then, in their order.
struct StepResult {
  std::vector<DecoderStep> steps;  // of the first sequences
  Tensor logits;                   // [steps that asked for logits, V]
};

StepResult forward(const LoadedModel& model, std::span<Sequence* const> sequences) {
  StepResult result;
  std::vector<int64_t> ids;
  int64_t places = kStepRows;
  for (Sequence* sequence : sequences) {
    if (places == 0) break;
    result.steps.push_back(sequence->next_step(places));
    places -= result.steps.back().rows;
    const auto step_ids = sequence->step_ids(result.steps.back());
    ids.insert(ids.end(), step_ids.begin(), step_ids.end());
  }
  const Decoder& decoder = model.model.decoder();
  Tensor x = decoder.embed(ids);
  int64_t first_row = 0;
  for (size_t i = 0; i < result.steps.size(); ++i) {
    sequences[i]->place_audio(result.steps[i], x, first_row);
    first_row += result.steps[i].rows;
  }
  result.logits = decoder.forward(x, result.steps);
  for (size_t i = 0; i < result.steps.size(); ++i) sequences[i]->step_done(result.steps[i]);
  return result;
}

struct Live {
  size_t request;
  int64_t reserved_pages;
  Sequence sequence;
};

// The loop: admit what fits, one step of all, one token each, retire what is finished.
class Batch {
 public:
  Batch(const LoadedModel& model, KvPagePool& pool, std::span<const Request> requests,
        const BatchSink& sink)
      : model_(model), pool_(pool), sink_(sink), generations_(requests.size()) {
    for (const Request& request : requests) waiting_.push_back(prepare_request(model, request));
  }

  std::vector<Generation> run() {
    while (!waiting_.empty() || !live_.empty()) {
      admit();
      step();
      retire();
    }
    return std::move(generations_);
  }

 private:
  // Pages for the longest possible answer are set aside, so that no live sequence ever runs dry.
  void admit() {
    while (!waiting_.empty() && live_.size() < kLiveSequences) {
      const int64_t pages = pool_.layout().pages_for(longest_length(model_, waiting_.front()));
      if (reserved_pages_ + pages > pool_.page_limit()) return;
      const Clock::time_point encode_start = Clock::now();
      std::vector<Tensor> audio_rows = encode_clips(model_, *waiting_.front().request);
      encode_ms_.push_back(milliseconds_since(encode_start));
      live_.push_back(
          {next_request_++, pages,
           Sequence(model_, std::move(waiting_.front()), std::move(audio_rows), pool_, start_)});
      waiting_.pop_front();
      reserved_pages_ += pages;
    }
  }

  void step() {
    std::vector<Sequence*> sequences;
    for (Live& live : live_) sequences.push_back(&live.sequence);
    const StepResult result = forward(model_, sequences);
    int64_t row = 0;
    auto live = live_.begin();
    for (const DecoderStep& step : result.steps) {
      Live& stepped = *live++;
      if (step.logits != LogitRows::kLast) continue;
      DeltaSink sink;
      if (sink_) sink = [&](const Delta& delta) { return sink_(stepped.request, delta); };
      stepped.sequence.choose(result.logits.row(row++), sink);
    }
  }

  void retire() {
    for (auto live = live_.begin(); live != live_.end();) {
      if (!live->sequence.finished()) {
        ++live;
        continue;
      }
      generations_[live->request] = live->sequence.take_generation();
      generations_[live->request].result.timing.encode_ms = encode_ms_[live->request];
      reserved_pages_ -= live->reserved_pages;
      live = live_.erase(live);
    }
  }

  const LoadedModel& model_;
  KvPagePool& pool_;
  const BatchSink& sink_;
  const Clock::time_point start_ = Clock::now();
  std::deque<PreparedRequest> waiting_;
  std::list<Live> live_;
  size_t next_request_ = 0;
  int64_t reserved_pages_ = 0;
  std::vector<double> encode_ms_;  // by request, as they are admitted in order
  std::vector<Generation> generations_;
};

}  // namespace

struct Generator::Impl {
  LoadedModel model;
  KvPagePool pool;
  // The model, its scratch and the pool serve one call at a time. A loop of its own that gathers
  // the sequences of all callers takes this lock's place when calls shall run together.
  std::mutex one_call;

  explicit Impl(LoadedModel loaded)
      : model(std::move(loaded)),
        pool(*model.ops, layout_of(model), layout_of(model).pages_for(model.max_kv_tokens)) {}

  static KvLayout layout_of(const LoadedModel& model) {
    return KvLayout::of(model.model.config().decoder, kPageTokens);
  }
};

Generator::Generator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;
Generator::~Generator() = default;

Generator Generator::open(const std::filesystem::path& model, const EngineOptions& options) {
  return Generator(std::make_unique<Impl>(load_model(model, options)));
}

std::vector<Generation> Generator::generate_batch(std::span<const Request> requests,
                                                  const BatchSink& sink) const {
  const std::lock_guard lock(impl_->one_call);
  return Batch(impl_->model, impl_->pool, requests, sink).run();
}

Trace Generator::trace(const Request& request) const {
  const std::lock_guard lock(impl_->one_call);
  const LoadedModel& model = impl_->model;
  PreparedRequest prepared = prepare_request(model, request);
  Trace trace;
  trace.prompt_ids.assign(prepared.prompt.ids.begin(), prepared.prompt.ids.end());
  std::vector<Tensor> audio_rows;
  for (size_t i = 0; i < request.clips.size(); ++i) {
    ClipTrace clip;
    clip.mel = mel_of(model, request.clips[i]);
    clip.encoder = model.model.encoder().forward(clip.mel, model.audio_rule);
    clip.adaptor = model.model.adaptor().forward(clip.encoder, prepared.tokens_per_clip[i]);
    audio_rows.push_back(copy_of(clip.adaptor));
    trace.clips.push_back(std::move(clip));
  }
  Sequence sequence(model, std::move(prepared), std::move(audio_rows), impl_->pool, Clock::now());
  Sequence* const one = &sequence;
  while (trace.logits.empty()) {
    const StepResult result = forward(model, {&one, 1});
    if (result.steps.front().logits != LogitRows::kLast) continue;
    const auto logits = result.logits.row(0);
    trace.logits.assign(logits.begin(), logits.end());
  }
  return trace;
}

const SamplingOptions& Generator::default_sampling() const {
  return impl_->model.default_sampling;
}

}  // namespace stapes
