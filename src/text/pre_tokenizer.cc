#include "text/pre_tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstdint>

#include "base/check.h"
#include "base/fail.h"

namespace stapes {
namespace {

constexpr uint32_t kMatchLimit = 100'000'000;
constexpr size_t kJitStackStartBytes = size_t{32} << 10;
constexpr size_t kJitStackLimitBytes = size_t{1} << 20;

struct FreeMatchData {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeMatchContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};
struct FreeJitStack {
  void operator()(pcre2_jit_stack* stack) const { pcre2_jit_stack_free(stack); }
};

std::string error_sentence(int error) {
  PCRE2_UCHAR buffer[256];
  if (pcre2_get_error_message(error, buffer, sizeof buffer) < 0) return "unknown error";
  return reinterpret_cast<const char*>(buffer);
}

// Oniguruma's \s is the Unicode property White_Space; PCRE2's would also take in U+180E.
std::string with_unicode_white_space(std::string_view pattern) {
  std::string result;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '\\' || i + 1 == pattern.size()) {
      result += pattern[i];
      continue;
    }
    const char escaped = pattern[++i];
    if (escaped == 's') {
      result += "\\p{White_Space}";
    } else if (escaped == 'S') {
      result += "\\P{White_Space}";
    } else {
      result += '\\';
      result += escaped;
    }
  }
  return result;
}

// What one split() needs besides the compiled pattern.
class Matcher {
 public:
  explicit Matcher(const pcre2_code* code)
      : code_(code),
        data_(pcre2_match_data_create_from_pattern(code, nullptr)),
        context_(pcre2_match_context_create(nullptr)) {
    STAPES_CHECK(data_ && context_, "out of memory");
    pcre2_set_match_limit(context_.get(), kMatchLimit);
  }

  // The next match at or after `offset`: PCRE2's return code; begin() and end() are its bytes.
  int find(std::string_view text, size_t offset) {
    const int result = try_find(text, offset);
    if (result != PCRE2_ERROR_JIT_STACKLIMIT || jit_stack_) return result;
    // The machine's stack was enough for all but unusual patterns.
    jit_stack_.reset(pcre2_jit_stack_create(kJitStackStartBytes, kJitStackLimitBytes, nullptr));
    STAPES_CHECK(jit_stack_, "out of memory");
    pcre2_jit_stack_assign(context_.get(), nullptr, jit_stack_.get());
    return try_find(text, offset);
  }
  size_t begin() const { return pcre2_get_ovector_pointer(data_.get())[0]; }
  size_t end() const { return pcre2_get_ovector_pointer(data_.get())[1]; }

 private:
  int try_find(std::string_view text, size_t offset) {
    // The text was checked once; checking it again for each piece would make the split quadratic.
    return pcre2_match(code_, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), offset,
                       PCRE2_NO_UTF_CHECK, data_.get(), context_.get());
  }

  const pcre2_code* code_;
  std::unique_ptr<pcre2_match_data, FreeMatchData> data_;
  std::unique_ptr<pcre2_match_context, FreeMatchContext> context_;
  std::unique_ptr<pcre2_jit_stack, FreeJitStack> jit_stack_;
};

// Where to look after an empty match: one character on.
size_t next_character(std::string_view text, size_t offset) {
  ++offset;
  while (offset < text.size() && (static_cast<uint8_t>(text[offset]) & 0xc0) == 0x80) ++offset;
  return offset;
}

}  // namespace

void PreTokenizer::FreeCode::operator()(void* code) const {
  pcre2_code_free(static_cast<pcre2_code*>(code));
}

PreTokenizer::PreTokenizer(std::string_view pattern, const std::string& where) : where_(where) {
  const std::string translated = with_unicode_white_space(pattern);
  int error = 0;
  size_t error_offset = 0;
  pcre2_code* code = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error, &error_offset, nullptr);
  if (code == nullptr) {
    fail(ErrorCode::kInvalidModel, "{}: the pre-tokenizer's pattern \"{}\" does not compile: {}",
         where, pattern, error_sentence(error));
  }
  code_.reset(code);
  // Where PCRE2 was built without its compiler, the interpreter does the same, slower.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
}

void PreTokenizer::split(std::string_view text,
                         const std::function<void(std::string_view)>& use) const {
  if (text.empty()) return;
  Matcher matcher(static_cast<const pcre2_code*>(code_.get()));
  size_t piece_begin = 0;
  for (size_t search = 0; search < text.size();) {
    const int result = matcher.find(text, search);
    if (result == PCRE2_ERROR_NOMATCH) break;
    if (result < 0) {
      fail(ErrorCode::kInvalidModel, "{}: the pre-tokenizer's pattern gave up at byte {} of {}: {}",
           where_, search, text.size(), error_sentence(result));
    }
    // \K in a look-behind could move a match back; no piece may be handed out twice.
    if (matcher.begin() < piece_begin || matcher.end() <= matcher.begin()) {
      search = next_character(text, search);
      continue;
    }
    if (matcher.begin() > piece_begin) use(text.substr(piece_begin, matcher.begin() - piece_begin));
    use(text.substr(matcher.begin(), matcher.end() - matcher.begin()));
    piece_begin = search = matcher.end();
  }
  if (piece_begin < text.size()) use(text.substr(piece_begin));
}

}  // namespace stapes
