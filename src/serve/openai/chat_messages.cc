#include "serve/openai/chat_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <utility>

#include "text/special_tokens.h"
#include "text/think_splitter.h"
#include "text/tool_calls.h"

namespace stapes::serve {
namespace {

bool is_role_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// Unknown roles pass, as in the release's template; but a role is a word.
std::string read_role(const Field& field) {
  constexpr size_t kMostLetters = 64;
  const std::string& role = field.text();
  const bool is_word =
      !role.empty() && role.size() <= kMostLetters && std::ranges::all_of(role, is_role_letter);
  if (!is_word) field.refuse("expected a role such as user, system, assistant or tool");
  if (role == "developer") return "system";
  if (role == "function") return "tool";
  return role;
}

// It is a line of its own in the prompt.
std::string read_tool_name(const Field& field) {
  const std::string& name = field.text();
  if (name.empty() || name.find('\n') != std::string::npos)
    field.refuse("expected the name of a function");
  return name;
}

void append_text(std::string_view text, std::vector<ContentPart>& parts) {
  if (!text.empty()) parts.push_back(ContentPart::of_text(std::string(text)));
}

// What the model wrote: the markers of tool calls are control tokens there.
void append_text_with_calls(std::string_view text, std::vector<ContentPart>& parts) {
  while (!text.empty()) {
    const size_t start = text.find(kToolCallStart);
    const size_t end = text.find(kToolCallEnd);
    const size_t place = std::min(start, end);
    append_text(text.substr(0, place), parts);
    if (place == std::string_view::npos) return;
    const std::string_view marker = start < end ? kToolCallStart : kToolCallEnd;
    parts.push_back(ContentPart::of_control(std::string(marker)));
    text.remove_prefix(place + marker.size());
  }
}

// "<audio_12><audio_7>" to 12, 7.
std::vector<int32_t> read_speech_codes(const Field& field) {
  constexpr std::string_view kBegin = "<audio_";
  std::vector<int32_t> codes;
  std::string_view rest = field.text();
  while (!rest.empty()) {
    int32_t code = -1;
    const bool begins = rest.starts_with(kBegin);
    if (begins) rest.remove_prefix(kBegin.size());
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), code);
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    if (!begins || error != std::errc() || !rest.starts_with('>') || code < 0 || code > 6561)
      field.refuse("expected <audio_N> with N of 0 to 6561, one after the other");
    rest.remove_prefix(1);
    codes.push_back(code);
  }
  return codes;
}

class MessageReader {
 public:
  MessageReader(const AudioPolicy& policy, const ModelFacts& facts)
      : facts_(facts), audio_(policy, facts.audio_rule) {}

  void read(const Field& message, bool is_last) {
    if (!message.is_object()) message.refuse_type("an object");
    turn_ = {.role = read_role(message.require("role")), .parts = {}};
    const std::optional<Field> content = message.find("content");
    if (turn_.role == "tool") begin_tool_result(message);
    if (content) read_content(*content);
    if (turn_.role == "assistant") read_assistant_fields(message, is_last);
    if (!content && turn_.role != "assistant") message.require("content");
    turns_.messages.push_back(std::move(turn_));
  }

  void finish(const Field& last) {
    ChatMessage& turn = turns_.messages.back();
    turns_.clips = audio_.take_clips();
    turns_.leading_systems = static_cast<size_t>(
        std::ranges::find_if(turns_.messages,
                             [](const ChatMessage& m) { return m.role != "system"; }) -
        turns_.messages.begin());
    turns_.ends_with_assistant = turn.role == "assistant";
    if (!turns_.ends_with_assistant) return;
    if (const std::optional<Field> eot = last.find("eot")) {
      turns_.says_eot = true;
      turns_.eot = eot->boolean();
    }
    std::string text;
    for (const ContentPart& part : turn.parts) text += part.text;
    turns_.thought_open = ThinkSplitter::thinking_open_after(text);
    take_speech_start(turn);
  }

  ChatTurns take() { return std::move(turns_); }

 private:
  void add_text(const Field& field) {
    const std::string& text = field.text();
    text_bytes_ += static_cast<int64_t>(text.size());
    if (text_bytes_ > most_text_bytes(facts_))
      field.refuse(fmt::format("all messages together may have {} bytes of text; the model's "
                               "context holds {} tokens",
                               most_text_bytes(facts_), facts_.context_tokens),
                   ErrorCode::kTooLarge);
    turn_.role == "assistant" ? append_text_with_calls(text, turn_.parts)
                              : append_text(text, turn_.parts);
  }

  void read_content(const Field& content) {
    if (content.is_string()) return add_text(content);
    if (!content.is_array()) content.refuse_type("a string or a list of parts");
    for (const Field& part : content.elements()) read_part(part);
  }

  void read_part(const Field& part) {
    if (part.is_string()) return add_text(part);
    if (!part.is_object()) part.refuse_type("an object with a type");
    const Field type = part.require("type");
    const std::string& name = type.text();
    if (name == "text") {
      add_text(part.require("text"));
    } else if (name == "refusal") {
      add_text(part.require("refusal"));
    } else if (name == "input_audio") {
      audio_.read_input_audio(part.require("input_audio"), turn_.parts);
    } else if (name == "audio_url") {
      audio_.read_audio_url(part.require("audio_url"), turn_.parts);
    } else {
      type.refuse_type("text, input_audio or audio_url");
    }
  }

  // The official server names the tool in the first line.
  void begin_tool_result(const Field& message) {
    std::string name = "tool";
    if (const std::optional<Field> given = message.find("name")) name = read_tool_name(*given);
    if (const std::optional<Field> id = message.find("tool_call_id")) {
      const auto known = tool_names_.find(id->text());
      if (known != tool_names_.end()) name = known->second;
    }
    turn_.parts.push_back(ContentPart::of_text(name + "\n"));
  }

  void read_assistant_fields(const Field& message, bool is_last) {
    const std::optional<Field> calls = message.find("tool_calls");
    const std::optional<Field> thinking = message.find("reasoning_content");
    if (thinking) put_thinking_first(thinking->text(), is_last, calls.has_value());
    if (const std::optional<Field> speech = message.find("tts_content")) read_speech(*speech);
    if (!calls) return;
    for (const Field& call : calls->elements()) read_tool_call(call);
  }

  // As the model wrote it. Earlier thinking is not shown to the model again.
  void put_thinking_first(const std::string& thinking, bool is_last, bool has_calls) {
    if (thinking.empty() || !is_last) return;
    const bool is_over = has_calls || !turn_.parts.empty();
    turn_.parts.insert(turn_.parts.begin(), ContentPart::of_text("<think>\n" + thinking +
                                                                 (is_over ? "\n</think>\n" : "")));
  }

  void read_speech(const Field& speech) {
    const std::optional<Field> text = speech.find("tts_text");
    const std::optional<Field> audio = speech.find("tts_audio");
    if (!text && !audio) return;
    turn_.parts.push_back(ContentPart::of_speech(
        text ? text->text() : "", audio ? read_speech_codes(*audio) : std::vector<int32_t>{}));
  }

  void read_tool_call(const Field& call) {
    const Field function = call.require("function");
    const std::string name = read_tool_name(function.require("name"));
    const std::optional<Field> arguments = function.find("arguments");
    append_tool_call({name, arguments ? arguments_of(*arguments) : "{}"}, turn_.parts);
    if (const std::optional<Field> id = call.find("id")) tool_names_[id->text()] = name;
  }

  // A JSON text, as OpenAI has it, or the object itself.
  static std::string arguments_of(const Field& arguments) {
    if (arguments.is_object()) return python_dump(arguments.json());
    return arguments.text();
  }

  void take_speech_start(ChatMessage& turn) {
    if (turn.parts.empty() || turn.parts.back().kind != ContentPart::Kind::kText) return;
    std::string& text = turn.parts.back().text;
    if (!text.ends_with(kSpeechStart)) return;
    text.resize(text.size() - kSpeechStart.size());
    turn.parts.push_back(ContentPart::of_control(std::string(kSpeechStart)));
    turns_.speech = true;
  }

  const ModelFacts& facts_;
  AudioReader audio_;
  ChatTurns turns_;
  ChatMessage turn_;                                         // that is being read
  std::unordered_map<std::string, std::string> tool_names_;  // by the id of a call
  int64_t text_bytes_ = 0;
};

}  // namespace

ChatTurns read_messages(const Field& messages, const AudioPolicy& policy, const ModelFacts& facts) {
  const std::vector<Field> fields = messages.elements();
  if (fields.empty()) messages.refuse("expected at least one message, got none");
  MessageReader reader(policy, facts);
  for (size_t i = 0; i < fields.size(); ++i) reader.read(fields[i], i + 1 == fields.size());
  reader.finish(fields.back());
  return reader.take();
}

}  // namespace stapes::serve
