// Measures a model: reading a prompt, generating alone and together, hearing a clip.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/machine_probe.h"
#include "model/kv_view.h"
#include "model/model.h"
#include "ops/ops.h"
#include "stapes/options.h"

namespace stapes {

// What is measured. An empty list, or a number of 0, leaves that kind out.
struct BenchPlan {
  std::vector<int64_t> prefill_tokens = {};
  int64_t decode_tokens = 0;
  std::vector<int64_t> contexts = {};  // tokens that a sequence has before it goes on
  // Sequences that go on together. 1 is measured at every context, more at the shortest only.
  std::vector<int64_t> batches = {};
  double audio_seconds = 0;
  KvPrecision kv = KvPrecision::kBf16;  // as the engine's default
  int repeat = 3;                       // measured repetitions, after a warm-up
};

enum class BenchKind : uint8_t { kPrefill, kDecode, kAudio };
const char* name(BenchKind kind);  // "prefill", "decode", "audio"

struct BenchCase {
  BenchKind kind = BenchKind::kPrefill;
  int64_t tokens = 0;      // read, or generated per sequence; of audio: what the clip gives
  int64_t context = 0;     // before them
  int64_t batch = 1;       // sequences
  int64_t mel_frames = 0;  // audio only: 100 a second
};
std::string name(const BenchCase& bench_case);  // "decode 64 x 16 at 128"

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};
Spread spread_of(std::vector<double> values);  // at least one

struct BenchResult {
  BenchCase bench_case;
  Spread ms;  // of one repetition
  // By the median. Tokens of all sequences together; bytes of weights, keys and values that have to
  // be read (forward_cost.h).
  double tokens_per_s = 0;
  double gb_per_s = 0;
  double share_of_bandwidth = 0;  // gb_per_s against the machine's
  // Operations per second against the machine's: 8-bit ones where the matrices are quantized, else
  // f32.
  double share_of_peak = 0;
};

// In the order in which they are run. Throws kUsage for a case that is too long for the model.
std::vector<BenchCase> cases_of(const BenchPlan& plan, const ModelConfig& config);
// The most memory that any of the cases takes beside the weights: keys, values and activations.
int64_t working_bytes(const std::vector<BenchCase>& cases, const KvLayout& kv);

class BenchRun {
 public:
  // All must outlive the run.
  BenchRun(const Model& model, const Ops& ops, const MachineSpeed& machine, const KvLayout& kv);

  BenchResult run(const BenchCase& bench_case, int repeat) const;
  // One token of a new sequence; ms. The first one after loading touches every weight.
  double one_token_ms() const;

 private:
  std::vector<double> prefill_ms(const BenchCase& bench_case, int repeat) const;
  std::vector<double> decode_ms(const BenchCase& bench_case, int repeat) const;
  std::vector<double> audio_ms(const BenchCase& bench_case, int repeat) const;

  const Model& model_;
  const Ops& ops_;
  const MachineSpeed& machine_;
  KvLayout kv_;
};

}  // namespace stapes
