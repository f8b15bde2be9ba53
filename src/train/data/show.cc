#include "train/data/show.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "text/special_tokens.h"
#include "text/utf8.h"

namespace stapes::train {
namespace {

constexpr std::string_view kReset = "\033[0m";
constexpr double kMelFrameSeconds = 0.01;
constexpr int64_t kMelFramesOfPadding = 2;  // mel_frame_count()

enum class Kind : uint8_t { kText, kControl, kAudio };

// Neighbouring tokens that are shown alike.
struct Piece {
  Kind kind;
  bool in_loss;
  std::string text;
};

bool is_control_character(char32_t c) {
  const bool c0 = c < 0x20 && c != U'\n';
  const bool c1 = c >= 0x7f && c < 0xa0;
  const bool direction =
      (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f;
  const bool our_bracket = c == U'⟦' || c == U'⟧';
  return c0 || c1 || direction || our_bracket;
}

// A backslash before text that looks like a control token.
std::string with_marked_lookalikes(std::string text) {
  const auto mark = [&](std::string_view name) {
    for (size_t at = text.find(name); at != std::string::npos; at = text.find(name, at)) {
      text.insert(at, 1, '\\');
      at += name.size() + 1;
    }
  };
  for (const std::string_view name : kReleaseSpecialTokens) mark(name);
  for (const std::string_view name : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) mark(name);
  return text;
}

class Pieces {
 public:
  Pieces(const Tokenizer& tokenizer, const TrainingExample& example)
      : tokenizer_(tokenizer), example_(example) {}

  // The tokens of one segment, whose rows stand together.
  std::vector<Piece> of_rows(size_t begin, size_t end) {
    pieces_.clear();
    for (size_t row = begin; row < end; ++row) {
      if (const AudioSpan* span = span_at(row); span != nullptr && span->count > 0) {
        add(Kind::kAudio, false, audio(*span));
        row += span->count - 1;
        continue;
      }
      // A row's label is the token after it.
      add_token(example_.ids[row], row > begin && example_.labels[row - 1] != kIgnore);
    }
    if (end > begin && example_.labels[end - 1] != kIgnore)
      add_token(example_.labels[end - 1], true);
    return std::move(pieces_);
  }

 private:
  const AudioSpan* span_at(size_t row) const {
    const auto& spans = example_.audio_spans;
    const auto found =
        std::ranges::find_if(spans, [&](const AudioSpan& span) { return span.begin == row; });
    return found == spans.end() ? nullptr : &*found;
  }

  std::string audio(const AudioSpan& span) const {
    std::string seconds = "? s";
    if (span.audio_index < example_.mels.size())
      seconds = fmt::format("{:.2f} s", static_cast<double>(example_.mels[span.audio_index].frames -
                                                            kMelFramesOfPadding) *
                                            kMelFrameSeconds);
    return fmt::format("[clip {}: {}, {} rows]", span.audio_index + 1, seconds, span.count);
  }

  void add_token(TokenId id, bool in_loss) {
    const std::string_view bytes = tokenizer_.token_bytes(id);
    if (bytes.empty()) return add(Kind::kControl, in_loss, fmt::format("<no token {}>", id));
    add(tokenizer_.is_special(id) ? Kind::kControl : Kind::kText, in_loss, bytes);
  }

  void add(Kind kind, bool in_loss, std::string_view text) {
    if (pieces_.empty() || pieces_.back().kind != kind || pieces_.back().in_loss != in_loss)
      pieces_.push_back({kind, in_loss, {}});
    pieces_.back().text += text;
  }

  const Tokenizer& tokenizer_;
  const TrainingExample& example_;
  std::vector<Piece> pieces_;
};

std::string_view colour_of(const Piece& piece) {
  if (piece.kind == Kind::kAudio) return "\033[36m";                                // cyan
  if (piece.kind == Kind::kControl) return piece.in_loss ? "\033[33m" : "\033[2m";  // yellow, dim
  return piece.in_loss ? "\033[1;32m" : "";                                         // bold green
}

std::string shown(const Piece& piece) {
  if (piece.kind != Kind::kText) return piece.text;
  return printable(with_marked_lookalikes(piece.text));
}

std::string in_colour(const std::vector<Piece>& pieces) {
  std::string out;
  for (const Piece& piece : pieces) {
    const std::string_view colour = colour_of(piece);
    out += colour;
    out += shown(piece);
    if (!colour.empty()) out += kReset;
  }
  return out;
}

std::string in_brackets(const std::vector<Piece>& pieces) {
  std::string out;
  bool open = false;
  for (const Piece& piece : pieces) {
    if (piece.in_loss != open) out += piece.in_loss ? "⟦" : "⟧";
    open = piece.in_loss;
    out += shown(piece);
  }
  return open ? out + "⟧" : out;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const Utf8Step step = utf8_step(text, at);
    const std::string_view bytes = text.substr(at, step.length_bytes);
    at += step.length_bytes;
    if (step.valid && !is_control_character(step.code_point)) {
      out += bytes;
    } else if (step.valid && step.code_point >= 0x80) {
      out += fmt::format("\\u{{{:x}}}", static_cast<uint32_t>(step.code_point));
    } else {
      for (const char byte : bytes)
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    }
  }
  return out;
}

std::string show_example(const Tokenizer& tokenizer, const TrainingExample& example,
                         const ShowStyle& style) {
  const size_t rows = example.ids.size();
  STAPES_CHECK(example.labels.size() == rows && example.segments.size() == rows,
               "an example's rows must have labels and segments");
  const auto in_loss = std::ranges::count_if(example.labels, [](auto l) { return l != kIgnore; });
  std::string out = fmt::format("{}: {} tokens, {} in the loss, {} clip{}\n",
                                example.origin.empty() ? "sample" : printable(example.origin), rows,
                                in_loss, example.mels.size(), example.mels.size() == 1 ? "" : "s");
  Pieces pieces(tokenizer, example);
  for (size_t begin = 0; begin < rows;) {
    size_t end = begin + 1;
    while (end < rows && example.segments[end] == example.segments[begin]) ++end;
    if (begin > 0)
      out += fmt::format("--- reply {}, after what stands before the first of them:\n",
                         example.segments[begin]);
    const auto of_segment = pieces.of_rows(begin, end);
    out += style.colour ? in_colour(of_segment) : in_brackets(of_segment);
    out += "\n";
    begin = end;
  }
  return out;
}

}  // namespace stapes::train
