#include "cli/quantize_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

namespace stapes::cli {
namespace {

constexpr double kMebibyte = 1024.0 * 1024.0;

double mebibytes(uint64_t bytes) {
  return static_cast<double>(bytes) / kMebibyte;
}

std::string part_of(const std::string& tensor) {
  if (tensor.starts_with("encoder.")) return "encoder";
  if (tensor.starts_with("adapter.")) return "adaptor";
  if (tensor.starts_with("model.embed_tokens.")) return "embedding";
  if (tensor.starts_with("lm_head.")) return "head";
  return "decoder";
}

struct Group {
  int64_t tensors = 0;
  int64_t weights = 0;
  uint64_t size_bytes = 0;
  ConversionError error;
};

bool fell_back(const QuantizedTensor& tensor) {
  return tensor.plan.dtype != tensor.plan.wanted;
}

std::string fallback_text(const QuantizeReport& report) {
  // wanted, stored, shape -> how many
  std::map<std::tuple<std::string, std::string, std::string>, int> counts;
  for (const QuantizedTensor& tensor : report.tensors)
    if (fell_back(tensor))
      ++counts[{name(tensor.plan.wanted), name(tensor.plan.dtype),
                to_string(tensor.plan.spec.shape)}];
  std::string text;
  for (const auto& [kind, count] : counts) {
    const auto& [wanted, stored, shape] = kind;
    text += fmt::format("{} tensor{} of shape {} fill{} no blocks of {}: stored as {}\n", count,
                        count == 1 ? "" : "s", shape, count == 1 ? "s" : "", wanted, stored);
  }
  return text;
}

}  // namespace

std::string to_text(const QuantizeReport& report) {
  std::map<std::pair<std::string, std::string>, Group> groups;
  Group total;
  for (const QuantizedTensor& tensor : report.tensors) {
    const auto add = [&](Group& group) {
      ++group.tensors;
      group.weights += element_count(tensor.plan.spec.shape);
      group.size_bytes += tensor.size_bytes;
      group.error.add(tensor.error);
    };
    add(groups[{part_of(tensor.plan.spec.name), name(tensor.plan.dtype)}]);
    add(total);
  }
  std::string text = fmt::format("  {:<10} {:<5} {:>7} {:>13} {:>11} {:>11} {:>11}\n", "part",
                                 "type", "tensors", "weights", "MiB", "error", "largest");
  const auto row = [&](const std::string& part, const std::string& type, const Group& group) {
    text += fmt::format("  {:<10} {:<5} {:>7} {:>13} {:>11.2f} {:>10.4f}% {:>11.3g}\n", part, type,
                        group.tensors, group.weights, mebibytes(group.size_bytes),
                        100 * group.error.relative_rms(), group.error.largest_error);
  };
  for (const auto& [kind, group] : groups) row(kind.first, kind.second, group);
  row("total", "", total);
  text += fallback_text(report);
  return text + fmt::format("{:.2f} MiB of tensors became a file of {:.2f} MiB\n",
                            mebibytes(report.original_bytes), mebibytes(report.file_bytes));
}

std::string to_csv(const QuantizeReport& report) {
  std::string text = "tensor,shape,original,wanted,stored,bytes,relative_rms_error,largest_error\n";
  for (const QuantizedTensor& tensor : report.tensors) {
    const PlannedTensor& plan = tensor.plan;
    text += fmt::format("{},{},{},{},{},{},{:.9g},{:.9g}\n", plan.spec.name,
                        fmt::join(plan.spec.shape, "x"), name(tensor.original), name(plan.wanted),
                        name(plan.dtype), tensor.size_bytes, tensor.error.relative_rms(),
                        tensor.error.largest_error);
  }
  return text;
}

std::string to_json(const QuantizeReport& report) {
  nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
  for (const QuantizedTensor& tensor : report.tensors) {
    const PlannedTensor& plan = tensor.plan;
    tensors.push_back({{"tensor", plan.spec.name},
                       {"shape", plan.spec.shape},
                       {"original", name(tensor.original)},
                       {"wanted", name(plan.wanted)},
                       {"stored", name(plan.dtype)},
                       {"bytes", tensor.size_bytes},
                       {"relative_rms_error", tensor.error.relative_rms()},
                       {"largest_error", tensor.error.largest_error}});
  }
  const nlohmann::ordered_json all = {{"original_bytes", report.original_bytes},
                                      {"file_bytes", report.file_bytes},
                                      {"tensors", tensors}};
  return all.dump(1) + '\n';
}

}  // namespace stapes::cli
