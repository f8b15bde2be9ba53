// Which table runs: what the processor has, or what STAPES_OPS names.
#include <array>
#include <cstdlib>

#include "base/fail.h"
#include "ops/cpu/cpu_ops.h"
#include "ops/cpu/kernels.h"
#include "ops/cpu/matrix_unit.h"
#include "ops/ops.h"
#include "ops/reference/reference_ops.h"

namespace stapes {
namespace {

constexpr std::array kLevels{OpsLevel::kReference, OpsLevel::kGeneric,    OpsLevel::kAvx2,
                             OpsLevel::kAvx512,    OpsLevel::kAvx512Vnni, OpsLevel::kAmx};

const Kernels* kernels_of(OpsLevel level) {
  switch (level) {
    case OpsLevel::kReference:
      return nullptr;
    case OpsLevel::kGeneric:
      return generic_kernels();
    case OpsLevel::kAvx2:
      return avx2_kernels();
    case OpsLevel::kAvx512:
      return avx512_kernels();
    case OpsLevel::kAvx512Vnni:
      return avx512vnni_kernels();
    case OpsLevel::kAmx:
      return amx_kernels();
  }
  return nullptr;
}

bool processor_has(OpsLevel level) {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  if (level == OpsLevel::kAvx2) return avx2;
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (level == OpsLevel::kAvx512) return avx512;
  const bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  if (level == OpsLevel::kAvx512Vnni) return vnni;
  if (level == OpsLevel::kAmx) return vnni && has_matrix_unit();
#endif
  return level == OpsLevel::kReference || level == OpsLevel::kGeneric;
}

std::string names_of(const std::vector<OpsLevel>& levels) {
  std::vector<std::string> names;
  for (const OpsLevel level : levels) names.emplace_back(name(level));
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

bool is_supported(OpsLevel level) {
  return processor_has(level) && (level == OpsLevel::kReference || kernels_of(level) != nullptr);
}

std::vector<OpsLevel> supported_ops_levels() {
  std::vector<OpsLevel> levels;
  for (const OpsLevel level : kLevels) {
    if (is_supported(level)) levels.push_back(level);
  }
  return levels;
}

const char* name(OpsLevel level) {
  switch (level) {
    case OpsLevel::kReference:
      return "reference";
    case OpsLevel::kGeneric:
      return "generic";
    case OpsLevel::kAvx2:
      return "avx2";
    case OpsLevel::kAvx512:
      return "avx512";
    case OpsLevel::kAvx512Vnni:
      return "avx512vnni";
    case OpsLevel::kAmx:
      return "amx";
  }
  return "?";
}

OpsLevel parse_ops_level(std::string_view text) {
  for (const OpsLevel level : kLevels) {
    if (text == name(level)) return level;
  }
  fail(ErrorCode::kUsage, "STAPES_OPS: expected one of {}, got '{}'",
       names_of({kLevels.begin(), kLevels.end()}), text);
}

std::unique_ptr<Ops> make_ops(int threads) {
  const char* wanted = std::getenv("STAPES_OPS");
  if (wanted == nullptr || *wanted == '\0') {
    return make_ops(supported_ops_levels().back(), threads);
  }
  return make_ops(parse_ops_level(wanted), threads);
}

std::unique_ptr<Ops> make_ops(OpsLevel level, int threads) {
  if (!is_supported(level)) {
    fail(ErrorCode::kUnsupported, "the {} operations need a processor with {}; this one can run {}",
         name(level), name(level), names_of(supported_ops_levels()));
  }
  if (level == OpsLevel::kReference) return make_reference_ops();
  return std::make_unique<CpuOps>(*kernels_of(level), threads);
}

}  // namespace stapes
