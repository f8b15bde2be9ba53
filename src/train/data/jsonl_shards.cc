#include "train/data/jsonl_shards.h"

#include <glob.h>

#include "train/data/jsonl_lines.h"

namespace stapes::train {

namespace fs = std::filesystem;

std::vector<fs::path> files_of_pattern(const fs::path& pattern) {
  if (fs::exists(pattern)) return {pattern};
  if (pattern.string().find_first_of("*?[") == std::string::npos)
    fail(ErrorCode::kNotFound, "no such file: {}", pattern.string());
  glob_t found = {};
  std::vector<fs::path> files;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0)
    files.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  ::globfree(&found);
  if (files.empty()) fail(ErrorCode::kNotFound, "no file matches {}", pattern.string());
  return files;
}

JsonlShards::JsonlShards(const fs::path& pattern, Quarantine& quarantine, const Wanted& wanted)
    : files_(files_of_pattern(pattern)) {
  for (size_t file = 0; file < files_.size(); ++file) read(file, quarantine, wanted);
  if (places_.empty() && unwanted_ > 0)
    fail(ErrorCode::kInvalidData, "{}: none of the {} samples is short enough (data.max_tokens)",
         pattern.string(), unwanted_);
  if (places_.empty()) fail(ErrorCode::kInvalidData, "{} has no samples", pattern.string());
  fingerprint_ += fmt::format(", audio {} bytes", audio_bytes_);
}

void JsonlShards::read(size_t file, Quarantine& quarantine, const Wanted& wanted) {
  const fs::path& path = files_[file];
  JsonlLines lines(path);
  while (lines.next()) {
    try {
      JsonlRow row = parse_jsonl_row(lines.text(), path, lines.number());
      check_audio_files(row, path);
      if (!wanted(row, path)) {
        ++unwanted_;
        continue;
      }
      for (const auto& audio : row.audios) audio_bytes_ += fs::file_size(audio);
      places_.push_back(
          {lines.offset(), static_cast<uint32_t>(file), static_cast<uint32_t>(lines.number())});
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kInvalidData) throw;
      quarantine.add(path, lines.number(), error, lines.text());
    }
  }
  fingerprint_ += fmt::format("{}jsonl {} bytes, hash {:016x}", file == 0 ? "" : ", ",
                              lines.bytes(), lines.hash());
}

JsonlRow JsonlShards::row(size_t row) const {
  const Place& place = places_[row];
  const fs::path& path = files_[place.file];
  return parse_jsonl_row(read_line_at(path, place.offset, place.line), path, place.line);
}

}  // namespace stapes::train
