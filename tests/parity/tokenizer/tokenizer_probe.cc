// Our side of the comparison with the reference implementation (compare.mjs starts it).
//   tokenizer_probe encode TOKENIZER_JSON     each input line is a JSON string, each output line
//   its ids tokenizer_probe train CORPUS MERGES       the tokenizer.json learned from the lines of
//   a file tokenizer_probe assigned                  the code points that our Unicode version knows
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "text/bpe_trainer.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

namespace {

void encode_lines(const std::string& tokenizer_json) {
  const auto tokenizer = stapes::Tokenizer::load(tokenizer_json);
  for (std::string line; std::getline(std::cin, line);) {
    const auto text = nlohmann::json::parse(line).get<std::string>();
    fmt::print("[{}]\n", fmt::join(tokenizer.encode(text), ","));
  }
}

void train(const std::string& corpus_path, int merge_count) {
  std::vector<std::string> corpus;
  std::istringstream file(stapes::read_file(corpus_path));
  for (std::string line; std::getline(file, line);) corpus.push_back(line);
  fmt::print("{}", stapes::train_tokenizer_json(corpus, merge_count));
}

// Reference and we may stand on different Unicode versions. Asked of the pre-tokenizer itself,
// since its tables decide: "x" and an assigned character are one piece, else two.
void print_assigned() {
  const stapes::PreTokenizer pre_tokenizer(R"(x\P{Cn}|x|[^x])", "assigned");
  std::string text;
  for (char32_t code_point = 0; code_point <= 0x10ffff; ++code_point) {
    if (code_point >= 0xd800 && code_point <= 0xdfff) continue;
    text += 'x';
    stapes::append_utf8(text, code_point);
  }
  pre_tokenizer.split(text, [](std::string_view piece) {
    if (piece.size() < 2 || piece.front() != 'x') return;
    fmt::print("{}\n", static_cast<uint32_t>(stapes::utf8_step(piece, 1).code_point));
  });
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 2 && arguments[0] == "encode") {
    encode_lines(arguments[1]);
  } else if (arguments.size() == 3 && arguments[0] == "train") {
    train(arguments[1], std::stoi(arguments[2]));
  } else if (arguments.size() == 1 && arguments[0] == "assigned") {
    print_assigned();
  } else {
    fmt::print(stderr, "usage: tokenizer_probe encode FILE | train CORPUS MERGES | assigned\n");
    return 64;
  }
  return 0;
}

}  // namespace

int main(int argument_count, char** arguments) {
  try {
    return run({arguments + 1, arguments + argument_count});
  } catch (const std::exception& error) {
    fmt::print(stderr, "tokenizer_probe: {}\n", error.what());
    return 1;
  }
}
