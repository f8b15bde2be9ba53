#include "serve/openai/sampling_fields.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <optional>

namespace stapes::serve {
namespace {

constexpr size_t kMostStops = 16;
constexpr size_t kMostStopBytes = 256;
constexpr size_t kMostStopTokens = 64;

struct Range {
  double least;
  double most;
  bool open_below = false;  // `least` itself is outside
};

void read_number(const Field& body, const char* name, const Range& range, double& value) {
  const std::optional<Field> field = body.find(name);
  if (!field) return;
  const double number = field->number();
  const bool inside =
      number <= range.most && (range.open_below ? number > range.least : number >= range.least);
  if (!inside)
    field->refuse(fmt::format("expected a number {} {} and at most {}, got {}",
                              range.open_below ? "above" : "of at least", range.least, range.most,
                              number));
  value = number;
}

uint64_t read_seed(const Field& field) {
  if (field.json().is_number_unsigned()) return field.json().get<uint64_t>();
  return static_cast<uint64_t>(field.integer(std::numeric_limits<int64_t>::min(), INT64_MAX));
}

std::string read_stop_text(const Field& field) {
  const std::string& text = field.text();
  if (text.empty() || text.size() > kMostStopBytes)
    field.refuse(
        fmt::format("expected a text of 1 to {} bytes, got {}", kMostStopBytes, text.size()));
  return text;
}

std::vector<std::string> read_stops(const Field& field) {
  if (field.is_string()) return {read_stop_text(field)};
  if (!field.is_array()) field.refuse_type("a string or a list of strings");
  const std::vector<Field> fields = field.elements();
  if (fields.size() > kMostStops)
    field.refuse(fmt::format("expected at most {} texts, got {}", kMostStops, fields.size()));
  std::vector<std::string> stops;
  for (const Field& stop : fields) stops.push_back(read_stop_text(stop));
  return stops;
}

std::vector<int64_t> read_stop_tokens(const Field& field) {
  const std::vector<Field> fields = field.elements();
  if (fields.size() > kMostStopTokens)
    field.refuse(fmt::format("expected at most {} ids, got {}", kMostStopTokens, fields.size()));
  std::vector<int64_t> ids;
  for (const Field& id : fields) ids.push_back(id.integer(0, std::numeric_limits<int32_t>::max()));
  return ids;
}

int read_max_tokens(const Field& body, int otherwise) {
  for (const char* name : {"max_completion_tokens", "max_tokens"}) {
    if (const std::optional<Field> field = body.find(name))
      return static_cast<int>(field->integer(1, std::numeric_limits<int>::max()));
  }
  return otherwise;
}

// 0 and -1 are both in use for "all".
int read_top_k(const Field& field) {
  return static_cast<int>(std::max<int64_t>(0, field.integer(-1, std::numeric_limits<int>::max())));
}

// OpenAI allows a share of 0: the most likely token alone.
constexpr double kSmallestShare = 1e-9;

}  // namespace

SamplingOptions read_sampling(const Field& body, const ModelFacts& facts,
                              int max_tokens_otherwise) {
  SamplingOptions options = facts.sampling;
  options.seed = facts.seed;
  options.max_tokens = read_max_tokens(body, max_tokens_otherwise);
  read_number(body, "temperature", {0, 100}, options.temperature);
  read_number(body, "top_p", {0, 1}, options.top_p);
  options.top_p = std::max(options.top_p, kSmallestShare);
  if (const std::optional<Field> field = body.find("top_k")) options.top_k = read_top_k(*field);
  read_number(body, "min_p", {0, 1}, options.min_p);
  read_number(body, "repetition_penalty", {.least = 0, .most = 100, .open_below = true},
              options.repetition_penalty);
  read_number(body, "frequency_penalty", {-2, 2}, options.frequency_penalty);
  read_number(body, "presence_penalty", {-2, 2}, options.presence_penalty);
  if (const std::optional<Field> field = body.find("seed")) options.seed = read_seed(*field);
  if (const std::optional<Field> field = body.find("stop")) options.stop = read_stops(*field);
  if (const std::optional<Field> field = body.find("stop_token_ids"))
    options.stop_token_ids = read_stop_tokens(*field);
  if (const std::optional<Field> field = body.find("ignore_eos"))
    options.ignore_eos = field->boolean();
  return options;
}

void check_text_size(const Field& text, const ModelFacts& facts) {
  const int64_t most = most_text_bytes(facts);
  if (std::ssize(text.text()) > most)
    text.refuse(
        fmt::format("expected at most {} bytes, got {}; the model's context holds {} tokens", most,
                    text.text().size(), facts.context_tokens),
        ErrorCode::kTooLarge);
}

int read_samples(const Field& body) {
  const std::optional<Field> field = body.find("n");
  return field ? static_cast<int>(field->integer(1, kMostSamples)) : 1;
}

StreamFields read_stream_fields(const Field& body) {
  StreamFields fields;
  if (const std::optional<Field> stream = body.find("stream")) fields.stream = stream->boolean();
  const std::optional<Field> options = body.find("stream_options");
  if (!options) return fields;
  if (!options->is_object()) options->refuse_type("an object");
  if (!fields.stream) options->refuse("is only allowed where stream is true");
  if (const std::optional<Field> usage = options->find("include_usage"))
    fields.include_usage = usage->boolean();
  return fields;
}

void refuse_unsupported(const Field& body) {
  if (const auto model = body.find("model")) model->text();  // any: there is only one
  if (const auto bias = body.find("logit_bias")) {
    if (!bias->is_object()) bias->refuse_type("an object");
    if (!bias->json().empty()) bias->refuse("is not supported", ErrorCode::kUnsupported);
  }
  if (const auto format = body.find("response_format")) {
    const Field type = format->require("type");
    if (type.text() != "text")
      type.refuse("only text is supported: the model is not held to any format",
                  ErrorCode::kUnsupported);
  }
  for (const char* name : {"functions", "function_call"}) {
    if (const auto old = body.find(name))
      old->refuse("is not supported; use tools", ErrorCode::kUnsupported);
  }
  if (const auto modalities = body.find("modalities")) {
    for (const Field& modality : modalities->elements())
      if (modality.text() != "text")
        modality.refuse("only text is supported", ErrorCode::kUnsupported);
  }
}

}  // namespace stapes::serve
