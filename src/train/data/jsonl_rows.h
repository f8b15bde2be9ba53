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
  // Which messages are in the loss: assistant turns with "loss": true, and the last message where
  // it is the assistant's and does not say "loss": false.
  std::vector<size_t> trained;
  std::vector<std::filesystem::path> audios;  // as many as <audio> tags
  std::vector<int64_t> audio_samples;         // of each, at 16 kHz; empty before check_audio_files
  // The worse reply to the same messages, for preferences: text, not empty.
  std::optional<std::string> rejected_response;
  nlohmann::json columns;  // all others, as an object
};

// "FILE:LINE: what is wrong", kInvalidData.
template <typename... Args>
[[noreturn]] void reject_line(const std::filesystem::path& file, size_t line,
                              fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorCode::kInvalidData, "{}:{}: {}", file.string(), line,
       fmt::format(format, std::forward<Args>(args)...));
}

// One line of `file`; paths in it are relative to the file's folder. One literal <audio> tag per
// audio file; or the content-list form, where an audio item names its own file or takes the next
// one of `audios`. `rejected_messages` is the same conversation with another last reply.
// Throws kInvalidData (file, line and what is wrong).
JsonlRow parse_jsonl_row(const std::string& text, const std::filesystem::path& file, size_t line);
// Decodes every audio file and fills audio_samples. Throws kInvalidData (file, line; no such file,
// not audio, longer than the encoder hears).
void check_audio_files(JsonlRow& row, const std::filesystem::path& file);

struct JsonlFile {
  std::filesystem::path path;
  std::vector<JsonlRow> rows;
  std::string fingerprint;  // changes with the text and with the sizes of the audio files

  template <typename... Args>
  [[noreturn]] void reject(size_t line, fmt::format_string<Args...> format, Args&&... args) const {
    reject_line(path, line, format, std::forward<Args>(args)...);
  }
};

// All rows, in memory. Every line and every file is checked. Throws kNotFound (no such file),
// kInvalidData (naming the line and what is wrong with it; no samples at all).
JsonlFile read_jsonl(const std::filesystem::path& path);

// Which rows are trained on and which are kept for evaluation: every tenth line where there are at
// least 20, else all are used for both.
struct RowSplit {
  std::vector<size_t> train, test;  // indices of rows
};
RowSplit split_rows(const JsonlFile& file);
RowSplit split_rows(const std::vector<size_t>& lines);  // of each row

}  // namespace stapes::train
