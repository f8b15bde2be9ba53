// stapes inspect: what a model (a folder or a GGUF file) holds, and what is wrong with it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/output.h"
#include "engine/loaded_model.h"
#include "spec/model_config.h"
#include "spec/model_source.h"
#include "spec/tensor_table.h"
#include "stapes/error.h"
#include "tensor/safetensors.h"
#include "text/tokenizer.h"

namespace stapes::cli {
namespace {

using Json = nlohmann::ordered_json;

// What the chat format cannot do without.
constexpr std::array kRequiredTokens = {"<|BOT|>", "<|EOT|>", "<audio_start>", "<audio_patch>",
                                        "<audio_end>"};
constexpr std::array kGroups = {"encoder.",      "adapter.",    "model.embed_tokens.",
                                "model.layers.", "model.norm.", "lm_head."};

struct GroupFacts {
  int64_t tensors = 0;
  int64_t parameters = 0;
  size_t size_bytes = 0;
  std::map<std::string, int64_t> dtypes;  // how many tensors of each
};

struct TokenizerFacts {
  size_t size = 0;
  std::map<std::string, TokenId> required;
};

struct ModelFacts {
  ModelConfig config;
  int64_t expected_tensors = 0;
  int64_t expected_parameters = 0;
  std::vector<std::pair<std::string, GroupFacts>> groups;
  GroupFacts total;
  std::optional<TokenizerFacts> tokenizer;
  std::vector<std::string> problems;
};

std::string group_of(const std::string& tensor) {
  for (const std::string group : kGroups)
    if (tensor.starts_with(group)) return group.substr(0, group.size() - 1);
  return "other";
}

void add_tensor(GroupFacts& facts, const TensorView& view) {
  ++facts.tensors;
  facts.parameters += view.element_count();
  facts.size_bytes += view.size_bytes();
  ++facts.dtypes[name(view.dtype)];
}

void look_at_tensors(const ModelSource& source, ModelFacts& facts) {
  const std::vector<TensorSpec> table = tensor_table(facts.config);
  facts.expected_tensors = static_cast<int64_t>(table.size());
  facts.expected_parameters = parameter_count(table);
  std::map<std::string, GroupFacts> groups;
  try {
    const ModelTensors tensors = source.tensors();
    for (const auto& [tensor, view] : tensors.tensors()) {
      add_tensor(groups[group_of(tensor)], view);
      add_tensor(facts.total, view);
    }
    check_tensors(tensors, table);
  } catch (const Error& error) {
    facts.problems.emplace_back(error.what());
  }
  for (const std::string prefix : kGroups) {
    const std::string group = prefix.substr(0, prefix.size() - 1);
    if (groups.contains(group)) facts.groups.emplace_back(group, groups[group]);
  }
  if (groups.contains("other")) facts.groups.emplace_back("other", groups["other"]);
}

void look_at_tokenizer(const ModelSource& source, ModelFacts& facts) {
  try {
    const Tokenizer tokenizer = load_tokenizer(source);
    TokenizerFacts found{.size = tokenizer.size(), .required = {}};
    for (const char* token : kRequiredTokens) {
      if (const auto id = tokenizer.find(token)) {
        found.required[token] = *id;
      } else {
        facts.problems.push_back(fmt::format("tokenizer.json lacks the token {}", token));
      }
    }
    if (found.size > static_cast<size_t>(facts.config.decoder.vocabulary))
      facts.problems.push_back(
          fmt::format("tokenizer.json has ids up to {}, but vocab_size in config.json is {}",
                      found.size - 1, facts.config.decoder.vocabulary));
    facts.tokenizer = std::move(found);
  } catch (const Error& error) {
    facts.problems.emplace_back(error.what());
  }
}

ModelFacts look_at(const std::string& model) {
  const ModelSource source = ModelSource::open(model);
  ModelFacts facts;
  facts.config = source.config();
  look_at_tensors(source, facts);
  look_at_tokenizer(source, facts);
  return facts;
}

Json to_json(const GroupFacts& facts) {
  return {{"tensors", facts.tensors},
          {"parameters", facts.parameters},
          {"size_bytes", facts.size_bytes},
          {"dtypes", facts.dtypes}};
}

Json to_json(const ModelFacts& facts) {
  Json groups = Json::object();
  for (const auto& [group, group_facts] : facts.groups) groups[group] = to_json(group_facts);
  Json tokenizer;
  if (facts.tokenizer)
    tokenizer = {{"size", facts.tokenizer->size}, {"required", facts.tokenizer->required}};
  return {{"config", Json::parse(stapes::to_json(facts.config))},
          {"expected",
           {{"tensors", facts.expected_tensors}, {"parameters", facts.expected_parameters}}},
          {"groups", groups},
          {"total", to_json(facts.total)},
          {"tokenizer", tokenizer},
          {"problems", facts.problems}};
}

std::string table_row(const std::string& group, const GroupFacts& facts) {
  constexpr double kMebibyte = 1024.0 * 1024.0;
  std::vector<std::string> dtypes;
  for (const auto& [dtype, count] : facts.dtypes) dtypes.push_back(dtype);
  return fmt::format("  {:<20} {:>7} {:>15} {:>12.2f}  {}\n", group, facts.tensors,
                     facts.parameters, static_cast<double>(facts.size_bytes) / kMebibyte,
                     fmt::join(dtypes, ", "));
}

std::string config_text(const ModelConfig& config) {
  const std::string ends =
      config.eos_token_ids.empty()
          ? ""
          : fmt::format("ends at   token {}\n", fmt::join(config.eos_token_ids, ", "));
  const EncoderConfig& encoder = config.encoder;
  const AdaptorConfig& adaptor = config.adaptor;
  const DecoderConfig& decoder = config.decoder;
  return fmt::format(
      "encoder   {} layers, width {}, {} heads, {} mel bands, {} positions\n"
      "adaptor   kernel {}, stride {}, width {}\n"
      "decoder   {} layers, width {}, feed-forward {}, {} heads, {} key/value heads,\n"
      "          vocabulary {}, {} positions, RoPE base {}, RMSNorm eps {}\n"
      "{}",
      encoder.layers, encoder.width, encoder.heads, encoder.mel_bands, encoder.max_positions,
      adaptor.kernel, adaptor.stride, adaptor.hidden_width, decoder.layers, decoder.width,
      decoder.feed_forward, decoder.heads, decoder.kv_heads, decoder.vocabulary,
      decoder.max_positions, decoder.rope_theta, decoder.rms_norm_eps, ends);
}

std::string to_text(const ModelFacts& facts) {
  std::string text = config_text(facts.config);
  text += fmt::format("\n  {:<20} {:>7} {:>15} {:>12}  {}\n", "group", "tensors", "parameters",
                      "MiB", "stored as");
  for (const auto& [group, group_facts] : facts.groups) text += table_row(group, group_facts);
  text += table_row("total", facts.total);
  text += fmt::format("  {:<20} {:>7} {:>15}\n", "expected", facts.expected_tensors,
                      facts.expected_parameters);
  if (facts.tokenizer) {
    text += fmt::format("\ntokenizer {} ids", facts.tokenizer->size);
    for (const auto& [token, id] : facts.tokenizer->required)
      text += fmt::format(", {} {}", token, id);
    text += '\n';
  }
  for (const std::string& problem : facts.problems)
    text += fmt::format("\nproblem   {}\n", problem);
  return text;
}

int run_inspect(const std::string& model, bool json) {
  const ModelFacts facts = look_at(model);
  if (json) {
    write_stdout_line(to_json(facts));
  } else {
    write_stdout(to_text(facts));
  }
  return facts.problems.empty() ? 0 : exit_status(ErrorCode::kInvalidModel);
}

}  // namespace

Command add_inspect_command(CLI::App& program) {
  auto model = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  CLI::App* app = add_subcommand(program, "inspect", "MODEL [--json]",
                                 "Show a model's shape, tensors, tokenizer, and what is wrong");
  app->add_option("MODEL", *model, "Model folder in the Hugging Face layout, or a .gguf file")
      ->required();
  app->add_flag("--json", *json, "Print one JSON object");
  app->footer("The exit status is 65 where the model has problems.");
  return {app, [model, json] { return run_inspect(*model, *json); }};
}

}  // namespace stapes::cli
