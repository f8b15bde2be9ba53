// JSON lines with `messages` and `audios`, as all stages read them.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/fail.h"
#include "stapes/chat.h"

namespace stapes::train {

struct JsonlRow {
  size_t line = 0;  // from 1
  std::vector<ChatMessage> messages;
  std::vector<std::filesystem::path> audios;  // as many as <audio> tags
  std::vector<int64_t> audio_samples;         // of each, at 16 kHz
  // The worse reply to the same messages, for preferences: text, not empty.
  std::optional<std::string> rejected_response;
  nlohmann::json columns;  // all others, as an object
};

struct JsonlFile {
  std::filesystem::path path;
  std::vector<JsonlRow> rows;
  std::string fingerprint;  // changes with the text and with the sizes of the audio files

  template <typename... Args>
  [[noreturn]] void reject(size_t line, fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::kInvalidData, "{}:{}: {}", path.string(), line,
         fmt::format(format, std::forward<Args>(args)...));
  }
};

// One literal <audio> tag per file, paths relative to the JSONL file; or the content-list form.
// Every line and every file is checked. Throws kNotFound (no such file), kInvalidData (naming the
// line and what is wrong with it; no samples at all).
JsonlFile read_jsonl(const std::filesystem::path& path);

// Which rows are trained on and which are kept for evaluation: every tenth line where there are at
// least 20, else all are used for both.
struct RowSplit {
  std::vector<size_t> train, test;  // indices of rows
};
RowSplit split_rows(const JsonlFile& file);

}  // namespace stapes::train
