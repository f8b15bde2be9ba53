#include "serve/api_keys.h"

#include <algorithm>

#include "base/fail.h"
#include "base/file.h"
#include "serve/http/message.h"

namespace stapes::serve {
namespace {

constexpr size_t kLargestFileBytes = 1 << 20;
constexpr std::string_view kScheme = "bearer ";

// How long it takes depends on the length of `given` alone.
bool same_in_constant_time(std::string_view given, std::string_view key) {
  size_t difference = given.size() ^ key.size();
  for (size_t i = 0; i < given.size(); ++i)
    difference |=
        static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(key[i % key.size()]);
  volatile size_t result = difference;  // so that no compiler ends the loop early
  return result == 0;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

}  // namespace

ApiKeys ApiKeys::load(const std::filesystem::path& file) {
  const std::string text = read_file(file, kLargestFileBytes);
  std::vector<std::string> keys;
  size_t line_number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = trimmed(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    ++line_number;
    if (line.empty() || line.front() == '#') continue;
    if (!std::ranges::all_of(line, [](char c) { return c > ' ' && c < 0x7f; }))
      fail(ErrorCode::kUsage, "{}:{}: expected a key of printable ASCII characters without spaces",
           file.string(), line_number);
    keys.emplace_back(line);
  }
  if (keys.empty())
    fail(ErrorCode::kUsage, "expected at least one key in {}, got none", file.string());
  return ApiKeys(std::move(keys));
}

bool ApiKeys::allow(std::string_view authorization) const {
  if (keys_.empty()) return true;
  if (authorization.size() < kScheme.size() ||
      !same_name(authorization.substr(0, kScheme.size()), kScheme))
    return false;
  const std::string_view given = trimmed(authorization.substr(kScheme.size()));
  bool found = false;
  for (const std::string& key : keys_) found |= same_in_constant_time(given, key);
  return found;
}

}  // namespace stapes::serve
