#include "reward/normal_text.h"

namespace stapes {
namespace {

bool separates(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || c == ',' || c == ';';
}

}  // namespace

std::string normalized_answer(std::string_view answer) {
  std::string normalized;
  bool gap = false;
  for (const char c : answer) {
    if (separates(c)) {
      gap = true;
      continue;
    }
    if (gap && !normalized.empty()) normalized += ' ';
    gap = false;
    normalized += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  if (normalized.ends_with('.')) normalized.pop_back();
  while (normalized.ends_with(' ')) normalized.pop_back();
  return normalized;
}

}  // namespace stapes
