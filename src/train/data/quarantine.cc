#include "train/data/quarantine.h"

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/fail.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

std::string as_json(const Quarantine::BadLine& bad) {
  const nlohmann::ordered_json record = {
      {"file", bad.file.string()}, {"line", bad.line}, {"reason", bad.reason}, {"text", bad.text}};
  return record.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

Quarantine::Quarantine(int64_t allowed, fs::path record)
    : allowed_(allowed), record_(std::move(record)) {
  std::error_code ignored;
  if (!record_.empty()) fs::remove(record_, ignored);
}

void Quarantine::add(const fs::path& file, size_t line, const Error& error,
                     const std::string& text) {
  const std::string place = fmt::format("{}:{}: ", file.string(), line);
  std::string reason = error.what();
  if (reason.starts_with(place)) reason.erase(0, place.size());
  if (std::ssize(lines_) >= allowed_) {
    if (allowed_ == 0) fail(ErrorCode::kInvalidData, "{}{}", place, reason);
    fail(ErrorCode::kInvalidData, "{}{}; data.quarantine allows {} bad lines, and this is one more",
         place, reason, allowed_);
  }
  lines_.push_back({file, line, std::move(reason), text});
  if (record_.empty()) return;
  std::ofstream out(record_, std::ios::app | std::ios::binary);
  out << as_json(lines_.back()) << std::flush;
  if (!out) fail(ErrorCode::kIo, "cannot write {}", record_.string());
}

}  // namespace stapes::train
