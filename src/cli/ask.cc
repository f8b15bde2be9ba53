// stapes ask: one question about one or more recordings.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "base/fail.h"
#include "cli/answer_printer.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "cli/sounds.h"
#include "stapes/engine.h"

namespace stapes::cli {
namespace {

using Json = nlohmann::ordered_json;

struct AskOptions {
  std::vector<std::string> inputs;  // files, then the question
  ModelFlag model;
  EngineFlags engine;
  SamplingFlags sampling;
  bool json = false;
};

struct Question {
  std::vector<std::string> files;
  std::string text;
};

Question question_of(const std::vector<std::string>& inputs) {
  std::error_code error;
  if (inputs.size() < 2 && std::filesystem::exists(inputs.back(), error))
    fail(ErrorCode::kUsage, "expected a question after the file {}", inputs.back());
  if (inputs.size() < 2)
    fail(ErrorCode::kUsage, "expected at least one sound file before the question, got none");
  if (std::filesystem::is_regular_file(inputs.back(), error))
    fail(ErrorCode::kUsage, "expected the question as the last argument, got the file {}",
         inputs.back());
  check_question(inputs.back());
  return {{inputs.begin(), inputs.end() - 1}, inputs.back()};
}

const char* name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
  }
  return "unknown";
}

Json to_json(const Sound& sound, const Result& result) {
  int64_t tokens = 0;
  for (size_t clip = sound.first_clip; clip < sound.first_clip + sound.clips; ++clip)
    if (clip < result.audio_tokens_per_clip.size()) tokens += result.audio_tokens_per_clip[clip];
  return {{"file", sound.file},
          {"seconds", sound.seconds},
          {"chunks", sound.clips},
          {"tokens", tokens}};
}

Json to_json(const Result& result, const std::vector<Sound>& sounds, double audio_ms,
             double load_ms) {
  Json audio = Json::array();
  for (const Sound& sound : sounds) audio.push_back(to_json(sound, result));
  return {{"thinking", result.thinking},
          {"answer", result.answer},
          {"finish", name(result.finish)},
          {"audio", audio},
          {"usage",
           {{"prompt_tokens", result.usage.prompt_tokens},
            {"audio_tokens", result.usage.audio_tokens},
            {"thinking_tokens", result.usage.thinking_tokens},
            {"answer_tokens", result.usage.answer_tokens}}},
          {"timing",
           {{"audio_ms", audio_ms},
            {"load_ms", load_ms},
            {"encode_ms", result.timing.encode_ms},
            {"prefill_ms", result.timing.prefill_ms},
            {"first_token_ms", result.timing.first_token_ms},
            {"total_ms", result.timing.total_ms}}}};
}

Result answer(const Engine& engine, const Request& request, bool show) {
  const InterruptGuard interrupt;
  AnswerPrinter printer(stdout_is_terminal());
  Result result = engine.generate(request, [&](const Delta& delta) {
    if (show) printer.print(delta);
    return !interrupt.interrupted();
  });
  printer.finish();
  return result;
}

int run_ask(const AskOptions& options) {
  const Question question = question_of(options.inputs);
  const auto start = std::chrono::steady_clock::now();
  Request request;
  const std::vector<Sound> sounds = load_sounds(question.files, request.clips);
  const std::chrono::duration<double, std::milli> audio_time =
      std::chrono::steady_clock::now() - start;
  request.messages = {user_turn(sounds, question.text)};

  const Engine engine = Engine::open(options.model.path(), options.engine.options());
  request.sampling = options.sampling.over(engine.default_sampling());
  const Result result = answer(engine, request, !options.json);
  if (options.json)
    write_stdout_line(to_json(result, sounds, audio_time.count(), engine.load_ms()));
  if (result.finish == FinishReason::kLength)
    fmt::print(stderr, "stapes: stopped at {} tokens, before the model was done (--max-tokens)\n",
               result.usage.thinking_tokens + result.usage.answer_tokens);
  return result.finish == FinishReason::kCancelled ? exit_status(ErrorCode::kCancelled) : 0;
}

}  // namespace

Command add_ask_command(CLI::App& program) {
  auto options = std::make_shared<AskOptions>();
  CLI::App* app = add_subcommand(program, "ask", "[OPTIONS] FILE... QUESTION",
                                 "Ask a question about one or more recordings");
  app->add_option("FILE", options->inputs,
                  "Sound files of any format (-: standard input), and last the question")
      ->required()
      ->type_name("");
  app->add_flag("--json", options->json, "Print one JSON object in place of the text");
  options->model.add_to(*app);
  options->sampling.add_to(*app);
  options->engine.add_to(*app);
  app->footer(
      "On a terminal the thinking is shown dimmed above the answer. Elsewhere only the answer goes "
      "to\n"
      "standard output, and the thinking to standard error. Sound longer than 25 s is heard in "
      "pieces.\n"
      "Exit status: 0, or 64 wrong command line, 65 bad sound, text or model, 66 not found,\n"
      "69 unsupported, 74 read or write failed, 130 interrupted.");
  return {app, [options] { return run_ask(*options); }};
}

}  // namespace stapes::cli
