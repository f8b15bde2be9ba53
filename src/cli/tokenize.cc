// stapes tokenize: lines of text to lines of JSON ids, and back.
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/fail.h"
#include "cli/commands.h"
#include "cli/model_flags.h"
#include "cli/output.h"
#include "engine/loaded_model.h"
#include "text/tokenizer.h"

namespace stapes::cli {
namespace {

struct TokenizeOptions {
  ModelFlag model;
  bool decode = false;
  bool plain = false;
};

std::vector<TokenId> parse_ids(const std::string& line, size_t line_number) {
  const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto is_id = [](const nlohmann::json& item) {
    return item.is_number_unsigned() && item.get<uint64_t>() <= INT32_MAX;
  };
  if (!json.is_array() || !std::all_of(json.begin(), json.end(), is_id))
    fail(ErrorCode::kInvalidData,
         "expected a JSON array of token ids on line {} of standard input, got: {:.60}",
         line_number, line);
  return json.get<std::vector<TokenId>>();
}

int run_tokenize(const TokenizeOptions& options) {
  const Tokenizer tokenizer = load_tokenizer(ModelSource::open(options.model.path()));
  std::string line;
  for (size_t line_number = 1; std::getline(std::cin, line); ++line_number) {
    if (options.decode) {
      write_stdout_line(tokenizer.decode(parse_ids(line, line_number)));
    } else {
      write_stdout_line(options.plain ? tokenizer.encode_plain(line) : tokenizer.encode(line));
    }
  }
  if (std::cin.bad()) fail(ErrorCode::kIo, "cannot read standard input");
  return 0;
}

}  // namespace

Command add_tokenize_command(CLI::App& program) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* app = add_subcommand(program, "tokenize", "[--decode] [--model MODEL] < LINES",
                                 "Turn lines of standard input into JSON token ids, or back");
  options->model.add_to(*app);
  app->add_flag("--decode", options->decode,
                "Each line is a JSON array of ids; its text is printed as a JSON string");
  app->add_flag("--plain", options->plain, "Special tokens in the text stay text")
      ->excludes("--decode");
  return {app, [options] { return run_tokenize(*options); }};
}

}  // namespace stapes::cli
