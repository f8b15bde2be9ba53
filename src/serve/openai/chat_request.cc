#include "serve/openai/chat_request.h"

#include <fmt/format.h>

#include <limits>
#include <optional>
#include <utility>

#include "serve/openai/chat_messages.h"
#include "serve/openai/json_body.h"
#include "serve/openai/sampling_fields.h"

namespace stapes::serve {
namespace {

// Thoughts of the release are 2,300 to 2,800 tokens long (reference C8).
struct Effort {
  std::string_view name;
  std::optional<int> budget_tokens;
};
constexpr Effort kEfforts[] = {{"none", 0},      {"minimal", 128},       {"low", 512},
                               {"medium", 2048}, {"high", std::nullopt}, {"xhigh", std::nullopt}};

std::optional<int> budget_of_effort(const Field& effort) {
  for (const Effort& known : kEfforts)
    if (effort.text() == known.name) return known.budget_tokens;
  effort.refuse_type("none, minimal, low, medium, high or xhigh");
}

// The most exact of what is said counts: a number of tokens, an effort, the template's switch.
std::optional<int> read_think_budget(const Field& body) {
  for (const char* name : {"thinking_budget", "think_budget"}) {
    if (const auto budget = body.find(name)) {
      const int64_t tokens = budget->integer(-1, std::numeric_limits<int>::max());
      return tokens < 0 ? std::nullopt : std::optional(static_cast<int>(tokens));
    }
  }
  if (const auto effort = body.find("reasoning_effort")) return budget_of_effort(*effort);
  if (const auto arguments = body.find("chat_template_kwargs")) {
    const auto enabled = arguments->find("enable_thinking");
    if (enabled && !enabled->boolean()) return 0;
  }
  return std::nullopt;
}

ReasoningFormat read_reasoning_format(const Field& body, ReasoningFormat otherwise) {
  const auto included = body.find("include_reasoning");
  if (included && !included->boolean()) return ReasoningFormat::kHidden;
  const auto format = body.find("reasoning_format");
  if (!format) return otherwise;
  const std::string& name = format->text();
  if (name == "reasoning_content" || name == "deepseek" || name == "parsed")
    return ReasoningFormat::kReasoningContent;
  if (name == "content" || name == "none" || name == "raw") return ReasoningFormat::kInContent;
  if (name == "hidden") return ReasoningFormat::kHidden;
  if (name == "auto") return otherwise;
  format->refuse_type("reasoning_content, content, hidden or auto");
}

std::optional<int> read_logprobs(const Field& body) {
  const auto logprobs = body.find("logprobs");
  const auto top = body.find("top_logprobs");
  const bool wanted = logprobs && logprobs->boolean();
  if (!top) return wanted ? std::optional(0) : std::nullopt;
  const auto count = static_cast<int>(top->integer(0, 20));
  if (!wanted && count > 0) top->refuse("is only allowed where logprobs is true");
  return wanted ? std::optional(count) : std::nullopt;
}

// Whether the turn at the end stays open. The release's client says it in three ways at once.
void read_end_of_prompt(const Field& body, const ChatTurns& turns, Request& native) {
  const auto continues = body.find("continue_final_message");
  const auto generates = body.find("add_generation_prompt");
  if (generates) native.add_generation_prompt = generates->boolean();
  if (continues && continues->boolean()) {
    if (!turns.ends_with_assistant)
      continues->refuse("the last message must be the assistant's to be continued");
    if (generates && native.add_generation_prompt)
      continues->refuse("expected at most one of continue_final_message and add_generation_prompt");
  } else if (turns.says_eot) {
    native.continue_last_turn = !turns.eot;
  } else if (continues && generates) {
    // Both say that a new turn begins. Neither alone does: the release's template leaves the
    // assistant's last turn open whatever is asked.
    native.continue_last_turn = !native.add_generation_prompt;
  }
}

bool read_tool_choice(const Field& body) {
  const auto choice = body.find("tool_choice");
  if (!choice) return true;
  if (choice->is_object())
    choice->refuse("the model cannot be made to call a tool; expected none or auto",
                   ErrorCode::kUnsupported);
  if (choice->text() == "required")
    choice->refuse("the model cannot be made to call a tool; expected none or auto",
                   ErrorCode::kUnsupported);
  if (choice->text() != "none" && choice->text() != "auto") choice->refuse_type("none or auto");
  return choice->text() == "auto";
}

void check_tool(const Field& tool) {
  const Field type = tool.require("type");
  if (type.text() != "function") type.refuse_type("function");
  const Field function = tool.require("function");
  const Field name = function.require("name");
  if (name.text().empty() || name.text().find('\n') != std::string::npos)
    name.refuse("expected the name of a function");
}

// The turn that shows the tools to the model stands after the system's.
bool read_tools(const Field& body, size_t place, std::vector<ChatMessage>& messages) {
  const bool may_be_used = read_tool_choice(body);
  const auto tools = body.find("tools");
  if (!tools) return false;
  for (const Field& tool : tools->elements()) check_tool(tool);
  if (tools->json().empty() || !may_be_used) return false;
  messages.insert(messages.begin() + static_cast<std::ptrdiff_t>(place),
                  {"tool_json_schemas", {ContentPart::of_text(python_dump(tools->json()))}});
  return true;
}

}  // namespace

ChatRequest parse_chat_request(std::string_view json_body, const AudioPolicy& policy,
                               const ModelFacts& facts) {
  const Json json = parse_json(json_body);
  const Field body = root_field(json);
  // The cheap fields first: no sound is decoded for a request that is refused anyway.
  refuse_unsupported(body);
  ChatRequest request;
  Request& native = request.native;
  const StreamFields stream = read_stream_fields(body);
  request.stream = stream.stream;
  request.include_usage = stream.include_usage;
  request.reasoning_format = read_reasoning_format(body, facts.reasoning_format);
  native.sampling = read_sampling(body, facts, facts.default_max_tokens);
  native.sampling.think_budget = read_think_budget(body);
  native.sampling.logprobs = read_logprobs(body);
  native.samples = read_samples(body);
  if (const auto skip = body.find("skip_special_tokens"))
    native.show_special_tokens = !skip->boolean();

  ChatTurns turns = read_messages(body.require("messages"), policy, facts);
  read_end_of_prompt(body, turns, native);
  const bool stays_open = native.continue_last_turn && turns.ends_with_assistant;
  request.client_opened_thought = stays_open && turns.thought_open;
  request.speech = stays_open && turns.speech;
  request.parse_tool_calls = read_tools(body, turns.leading_systems, turns.messages);
  native.messages = std::move(turns.messages);
  native.clips = std::move(turns.clips);
  return request;
}

}  // namespace stapes::serve
