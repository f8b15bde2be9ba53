#include "report/event_times.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace stapes::report {
namespace {

namespace fs = std::filesystem;

struct Span {
  double begin_s = 0, end_s = 0;
};

template <typename T>
T little_endian(const char* bytes) {  // as everything that we build for is
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// Records: length (8 bytes), its checksum (4), the event, its checksum (4). An event of ours begins
// with field 1, a double: its wall time.
std::optional<Span> span_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::optional<Span> span;
  constexpr uint64_t kMostBytes = 1 << 20;
  constexpr char kWallTime = 1 << 3 | 1;
  std::string event;
  for (char head[12]; in.read(head, sizeof head);) {
    const auto length = little_endian<uint64_t>(head);
    if (length < 9 || length > kMostBytes) break;
    event.resize(static_cast<size_t>(length) + 4);
    if (!in.read(event.data(), static_cast<std::streamsize>(event.size()))) break;
    if (event.front() != kWallTime) break;
    const auto time_s = little_endian<double>(event.data() + 1);
    if (!std::isfinite(time_s)) break;
    if (!span) span = Span{time_s, time_s};
    span->end_s = std::max(span->end_s, time_s);
  }
  return span;
}

}  // namespace

std::optional<double> working_time_s(const fs::path& run_folder) {
  std::vector<Span> spans;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(run_folder / "tensorboard", error), end;
       !error && entry != end; entry.increment(error)) {
    if (!entry->path().filename().string().starts_with("events.out.tfevents.")) continue;
    if (const auto span = span_of(entry->path())) spans.push_back(*span);
  }
  std::ranges::sort(spans, {}, &Span::begin_s);
  double total_s = 0, until_s = 0;
  for (const Span& span : spans) {
    total_s += std::max(0.0, span.end_s - std::max(span.begin_s, until_s));
    until_s = std::max(until_s, span.end_s);
  }
  if (total_s <= 0) return std::nullopt;
  return total_s;
}

}  // namespace stapes::report
