#include "bench/bench_run.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/check.h"
#include "base/fail.h"
#include "base/rng.h"
#include "bench/forward_cost.h"
#include "bench/synthetic_context.h"
#include "spec/audio_tokens.h"

namespace stapes {
namespace {

// Rows of a prompt that go through the model together, as in the engine.
constexpr int64_t kChunkRows = 512;
constexpr int64_t kWarmUpTokens = 2;
constexpr double kMelFramesPerSecond = 100;

template <typename Body>
double ms_of(const Body& body) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  body();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// What the tokens are does not matter, but they should not all read the same row of the table.
std::vector<int64_t> random_ids(int64_t count, int64_t vocabulary, uint64_t stream) {
  Rng rng(2, stream);
  std::vector<int64_t> ids(static_cast<size_t>(count));
  for (int64_t& id : ids) id = rng.integer(0, vocabulary - 1);
  return ids;
}

// The chunks in which a prompt is read; only its last row is asked for logits.
std::vector<CostedStep> chunks_of(int64_t tokens) {
  std::vector<CostedStep> chunks;
  for (int64_t start = 0; start < tokens; start += kChunkRows)
    chunks.push_back({.start_position = start,
                      .rows = std::min(kChunkRows, tokens - start),
                      .logits = start + kChunkRows >= tokens});
  return chunks;
}

ForwardCost cost_of(const BenchCase& bench_case, const CostModel& costs) {
  ForwardCost total;
  switch (bench_case.kind) {
    case BenchKind::kPrefill:
      for (const CostedStep& chunk : chunks_of(bench_case.tokens))
        total += costs.decoder({&chunk, 1});
      return total;
    case BenchKind::kDecode:
      for (int64_t i = 0; i < bench_case.tokens; ++i) {
        const std::vector<CostedStep> steps(static_cast<size_t>(bench_case.batch),
                                            {.start_position = bench_case.context + i, .rows = 1});
        total += costs.decoder(steps);
      }
      return total;
    case BenchKind::kAudio:
      return costs.audio(bench_case.mel_frames);
  }
  return total;
}

void add_case(std::vector<BenchCase>& cases, const BenchCase& bench_case,
              const DecoderConfig& decoder) {
  if (bench_case.context + bench_case.tokens > decoder.max_positions) {
    fail(ErrorCode::kUsage, "{}: this model has positions for {} tokens", name(bench_case),
         decoder.max_positions);
  }
  cases.push_back(bench_case);
}

BenchCase audio_case(double seconds, const EncoderConfig& encoder) {
  const auto frames = static_cast<int64_t>(std::llround(seconds * kMelFramesPerSecond));
  const int64_t tokens = audio_token_count(frames, AudioRule::kHuggingFace);
  if (frames > encoder.max_mel_frames() || tokens == 0) {
    fail(ErrorCode::kUsage, "a clip of {} s: this model hears more than 0.1 s and at most {} s",
         seconds, static_cast<double>(encoder.max_mel_frames()) / kMelFramesPerSecond);
  }
  return {.kind = BenchKind::kAudio, .tokens = tokens, .mel_frames = frames};
}

}  // namespace

const char* name(BenchKind kind) {
  switch (kind) {
    case BenchKind::kPrefill:
      return "prefill";
    case BenchKind::kDecode:
      return "decode";
    case BenchKind::kAudio:
      return "audio";
  }
  return "?";
}

std::string name(const BenchCase& c) {
  switch (c.kind) {
    case BenchKind::kPrefill:
      return fmt::format("prefill {}", c.tokens);
    case BenchKind::kDecode:
      return c.batch == 1 ? fmt::format("decode {} at {}", c.tokens, c.context)
                          : fmt::format("decode {} x {} at {}", c.tokens, c.batch, c.context);
    case BenchKind::kAudio:
      return fmt::format("audio {} s", static_cast<double>(c.mel_frames) / kMelFramesPerSecond);
  }
  return "?";
}

Spread spread_of(std::vector<double> values) {
  STAPES_CHECK(!values.empty());
  std::ranges::sort(values);
  const size_t half = values.size() / 2;
  return {.median = values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2,
          .min = values.front(),
          .max = values.back()};
}

std::vector<BenchCase> cases_of(const BenchPlan& plan, const ModelConfig& config) {
  std::vector<BenchCase> cases;
  for (const int64_t tokens : plan.prefill_tokens) {
    if (tokens > 0)
      add_case(cases, {.kind = BenchKind::kPrefill, .tokens = tokens}, config.decoder);
  }
  if (plan.decode_tokens > 0 && !plan.contexts.empty()) {
    const int64_t shortest = std::ranges::min(plan.contexts);
    for (const int64_t batch : plan.batches) {
      for (const int64_t context : plan.contexts) {
        if (batch > 1 && context != shortest) continue;
        add_case(cases,
                 {.kind = BenchKind::kDecode,
                  .tokens = plan.decode_tokens,
                  .context = context,
                  .batch = batch},
                 config.decoder);
      }
    }
  }
  if (plan.audio_seconds > 0) cases.push_back(audio_case(plan.audio_seconds, config.encoder));
  return cases;
}

int64_t working_bytes(const std::vector<BenchCase>& cases, const KvLayout& kv) {
  constexpr int64_t kActivations = int64_t{512} << 20;  // of 512 rows or a clip, rounded up
  int64_t most = 0;
  for (const BenchCase& c : cases) {
    most = std::max(most, SyntheticContext::size_bytes(kv, c.batch, c.context + c.tokens));
  }
  return most + kActivations;
}

BenchRun::BenchRun(const Model& model, const Ops& ops, const MachineSpeed& machine,
                   const KvLayout& kv)
    : model_(model), ops_(ops), machine_(machine), kv_(kv) {}

BenchResult BenchRun::run(const BenchCase& bench_case, int repeat) const {
  STAPES_CHECK(repeat > 0);
  const bool is_audio = bench_case.kind == BenchKind::kAudio;
  const std::vector<double> ms = is_audio ? audio_ms(bench_case, repeat)
                                 : bench_case.kind == BenchKind::kPrefill
                                     ? prefill_ms(bench_case, repeat)
                                     : decode_ms(bench_case, repeat);
  const CostModel costs(model_, kv_);
  const ForwardCost cost = cost_of(bench_case, costs);
  BenchResult result{.bench_case = bench_case, .ms = spread_of(ms)};
  const double seconds = result.ms.median * 1e-3;
  const bool is_8_bit = is_quantized(is_audio ? costs.audio_type() : costs.decoder_type());
  const double peak = is_8_bit ? machine_.int8_gop_s : machine_.f32_gflop_s;
  result.tokens_per_s = static_cast<double>(bench_case.tokens * bench_case.batch) / seconds;
  result.gb_per_s = cost.bytes * 1e-9 / seconds;
  result.share_of_bandwidth = result.gb_per_s / machine_.bandwidth_gb_s;
  result.share_of_peak = cost.operations * 1e-9 / seconds / peak;
  return result;
}

double BenchRun::one_token_ms() const {
  return prefill_ms({.kind = BenchKind::kPrefill, .tokens = 1}, 1).front();
}

std::vector<double> BenchRun::prefill_ms(const BenchCase& bench_case, int repeat) const {
  const DecoderConfig& config = model_.config().decoder;
  const SyntheticContext context(ops_, kv_, 1, 0, bench_case.tokens);
  DecoderWorkspace workspace;
  const auto read = [&](const CostedStep& chunk) {
    const std::vector<int64_t> ids =
        random_ids(chunk.rows, config.vocabulary, static_cast<uint64_t>(chunk.start_position));
    const DecoderStep step{.kv = context.view(0),
                           .start_position = chunk.start_position,
                           .rows = chunk.rows,
                           .logits = chunk.logits ? LogitRows::kLast : LogitRows::kNone};
    model_.decoder().forward(model_.decoder().embed(ids), {&step, 1}, workspace);
  };
  const std::vector<CostedStep> chunks = chunks_of(bench_case.tokens);
  if (bench_case.tokens > 1) read(chunks.front());
  std::vector<double> ms;
  for (int i = 0; i < repeat; ++i)
    ms.push_back(ms_of([&] { std::ranges::for_each(chunks, read); }));
  return ms;
}

std::vector<double> BenchRun::decode_ms(const BenchCase& bench_case, int repeat) const {
  const DecoderConfig& config = model_.config().decoder;
  const SyntheticContext context(ops_, kv_, bench_case.batch, bench_case.context,
                                 bench_case.context + bench_case.tokens);
  DecoderWorkspace workspace;
  const auto generate = [&](int64_t tokens) {
    for (int64_t i = 0; i < tokens; ++i) {
      const std::vector<int64_t> ids =
          random_ids(bench_case.batch, config.vocabulary, static_cast<uint64_t>(i));
      std::vector<DecoderStep> steps;
      for (int64_t b = 0; b < bench_case.batch; ++b) {
        steps.push_back(
            {.kv = context.view(b), .start_position = bench_case.context + i, .rows = 1});
      }
      model_.decoder().forward(model_.decoder().embed(ids), steps, workspace);
    }
  };
  generate(std::min(kWarmUpTokens, bench_case.tokens));
  std::vector<double> ms;
  for (int i = 0; i < repeat; ++i) ms.push_back(ms_of([&] { generate(bench_case.tokens); }));
  return ms;
}

std::vector<double> BenchRun::audio_ms(const BenchCase& bench_case, int repeat) const {
  Tensor mel({bench_case.mel_frames, model_.config().encoder.mel_bands});
  Rng rng(3);
  for (float& value : mel.values()) value = static_cast<float>(rng.uniform(-1, 1));
  const auto hear = [&] { model_.audio_rows(mel, AudioRule::kHuggingFace); };
  hear();
  std::vector<double> ms;
  for (int i = 0; i < repeat; ++i) ms.push_back(ms_of(hear));
  return ms;
}

}  // namespace stapes
