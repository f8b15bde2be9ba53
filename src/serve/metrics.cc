#include "serve/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <vector>

namespace stapes::serve {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<std::pair<std::string, std::string>>;

const prometheus::Histogram::BucketBoundaries& seconds_buckets() {
  static const prometheus::Histogram::BucketBoundaries buckets = {
      0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300};
  return buckets;
}

struct Sample {
  double value;
  Labels labels = {};
};

// What the engine counts itself becomes a family when it is asked for.
class FamilyList {
 public:
  void counter(const char* name, const char* help, const std::vector<Sample>& samples) {
    add(MetricType::Counter, name, help, samples);
  }
  void gauge(const char* name, const char* help, const std::vector<Sample>& samples) {
    add(MetricType::Gauge, name, help, samples);
  }
  std::vector<MetricFamily> families;

 private:
  void add(MetricType type, const char* name, const char* help,
           const std::vector<Sample>& samples) {
    MetricFamily family{name, help, type, {}};
    for (const Sample& sample : samples) {
      ClientMetric metric;
      for (const auto& [key, value] : sample.labels) metric.label.push_back({key, value});
      if (type == MetricType::Counter) {
        metric.counter.value = sample.value;
      } else {
        metric.gauge.value = sample.value;
      }
      family.metric.push_back(std::move(metric));
    }
    families.push_back(std::move(family));
  }
};

double number(int64_t value) {
  return static_cast<double>(value);
}

void add_engine(FamilyList& list, const EngineCounters& engine) {
  list.gauge("stapes_queued_requests", "Requests that wait for a place in the model loop.",
             {{number(engine.queued_requests)}});
  list.gauge("stapes_live_sequences", "Answers that are being generated.",
             {{number(engine.live_sequences)}});
  list.gauge("stapes_kv_pages",
             "Pages of keys and values: cached ones are kept for prompts that begin alike.",
             {{number(engine.pages_in_use - engine.pages_cached), {{"state", "live"}}},
              {number(engine.pages_cached), {{"state", "cached"}}}});
  list.gauge("stapes_kv_page_limit", "Pages of keys and values that there may be.",
             {{number(engine.page_limit)}});
  list.counter("stapes_prompt_tokens_total",
               "Tokens of prompts: computed, or known from an earlier prompt that began alike.",
               {{number(engine.prompt_tokens_computed), {{"source", "computed"}}},
                {number(engine.prompt_tokens_from_cache), {{"source", "cache"}}}});
  list.counter("stapes_generated_tokens_total", "Generated tokens, thinking included.",
               {{number(engine.generated_tokens)}});
  list.counter("stapes_clips_total", "Clips of sound: encoded, or known from an earlier request.",
               {{number(engine.encoder_runs), {{"source", "encoded"}}},
                {number(engine.clips_from_cache), {{"source", "cache"}}}});
  list.counter(
      "stapes_speculated_tokens_total", "Tokens that were guessed ahead.",
      {{number(engine.accepted_tokens), {{"result", "accepted"}}},
       {number(engine.speculated_tokens - engine.accepted_tokens), {{"result", "rejected"}}}});
  list.counter("stapes_decoder_steps_total", "Forward passes of the decoder.",
               {{number(engine.steps)}});
}

}  // namespace

struct Metrics::Impl {
  using Histograms = prometheus::Family<prometheus::Histogram>;
  template <typename Metric>
  using Family = prometheus::Family<Metric>;

  Impl(std::string version_text, std::string model_name)
      : version(std::move(version_text)),
        model(std::move(model_name)),
        requests(prometheus::BuildCounter()
                     .Name("stapes_requests_total")
                     .Help("Requests by endpoint and status; 499: the client left.")
                     .Register(registry)),
        seconds(prometheus::BuildHistogram()
                    .Name("stapes_request_duration_seconds")
                    .Help("From the first byte of a request to the last of its reply.")
                    .Register(registry)),
        first_token(prometheus::BuildHistogram()
                        .Name("stapes_time_to_first_token_seconds")
                        .Help("From the last byte of a request to its first generated text.")
                        .Register(registry)
                        .Add({}, seconds_buckets())),
        failures(prometheus::BuildCounter()
                     .Name("stapes_stream_failures_total")
                     .Help("Streams that had begun and ended with an error.")
                     .Register(registry)
                     .Add({})),
        audio_seconds(prometheus::BuildCounter()
                          .Name("stapes_audio_seconds_total")
                          .Help("Seconds of sound in requests.")
                          .Register(registry)
                          .Add({})) {}

  const std::string version;
  const std::string model;
  prometheus::Registry registry;
  Family<prometheus::Counter>& requests;
  Family<prometheus::Histogram>& seconds;
  prometheus::Histogram& first_token;
  prometheus::Counter& failures;
  prometheus::Counter& audio_seconds;
};

Metrics::Metrics(const std::string& version, const std::string& model)
    : impl_(std::make_unique<Impl>(version, model)) {}
Metrics::~Metrics() = default;

void Metrics::count(std::string_view endpoint, const RequestEnd& end) {
  const std::string label(endpoint);
  impl_->requests.Add({{"endpoint", label}, {"code", std::to_string(end.status)}}).Increment();
  impl_->seconds.Add({{"endpoint", label}}, seconds_buckets()).Observe(end.total_ms / 1000);
  if (end.answer.first_token_ms > 0) impl_->first_token.Observe(end.answer.first_token_ms / 1000);
  if (end.answer.audio_seconds > 0) impl_->audio_seconds.Increment(end.answer.audio_seconds);
  if (end.answer.failed_status > 0) impl_->failures.Increment();
}

std::string Metrics::text(const MetricsNow& now) const {
  FamilyList list;
  list.families = impl_->registry.Collect();
  add_engine(list, now.engine);
  list.gauge("stapes_connections", "Open connections.", {{number(now.connections)}});
  list.gauge("stapes_request_memory_bytes",
             "Memory of the bodies and sounds of requests that are being answered.",
             {{number(now.request_bytes)}});
  list.gauge("stapes_healthy", "1: the model loop turns.", {{now.healthy ? 1.0 : 0.0}});
  list.gauge("stapes_draining", "1: the server ends what it has begun and takes nothing new.",
             {{now.draining ? 1.0 : 0.0}});
  list.gauge("stapes_build_info", "1, with what is running.",
             {{1, {{"version", impl_->version}, {"model", impl_->model}}}});
  return prometheus::TextSerializer().Serialize(list.families);
}

}  // namespace stapes::serve
