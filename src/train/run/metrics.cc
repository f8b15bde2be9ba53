#include "train/run/metrics.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <sstream>

#include "base/fail.h"
#include "base/file.h"

namespace stapes::train {
namespace {

std::string little_endian(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>((value >> (8 * i)) & 0xff));
  return out;
}

std::string varint(uint64_t value) {
  std::string out;
  while (value >= 0x80) {
    out.push_back(static_cast<char>((value & 0x7f) | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
  return out;
}

// Protocol buffer fields: (number << 3 | wire type), then the value.
std::string double_field(int number, double value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return varint(static_cast<uint64_t>(number << 3 | 1)) + little_endian(bits, 8);
}
std::string float_field(int number, float value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return varint(static_cast<uint64_t>(number << 3 | 5)) + little_endian(bits, 4);
}
std::string integer_field(int number, int64_t value) {
  return varint(static_cast<uint64_t>(number << 3)) + varint(static_cast<uint64_t>(value));
}
std::string bytes_field(int number, const std::string& bytes) {
  return varint(static_cast<uint64_t>(number << 3 | 2)) + varint(bytes.size()) + bytes;
}

double wall_time_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

uint32_t masked_crc(const std::string& bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

std::filesystem::path event_path(const std::filesystem::path& folder, int64_t first_step) {
  return folder / fmt::format("events.out.tfevents.{}.{}.{}", static_cast<int64_t>(wall_time_s()),
                              ::getpid(), first_step);
}

}  // namespace

uint32_t crc32c(const std::string& bytes) {
  uint32_t crc = 0xffffffffU;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0x82f63b78U : 0U);
  }
  return ~crc;
}

EventFile::EventFile(const std::filesystem::path& folder, int64_t first_step) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);  // what is wrong is said below
  out_.open(event_path(folder, first_step), std::ios::binary);
  if (!out_) fail(ErrorCode::kIo, "cannot write a TensorBoard event file in {}", folder.string());
  record(double_field(1, wall_time_s()) + bytes_field(3, "brain.Event:2"));
  // SessionLog START: TensorBoard forgets what an earlier session has from this step on.
  record(double_field(1, wall_time_s()) + integer_field(2, first_step + 1) +
         bytes_field(7, integer_field(1, 1)));
}

void EventFile::scalar(const std::string& tag, int64_t step, double value) {
  const std::string summary_value = bytes_field(1, tag) + float_field(2, static_cast<float>(value));
  const std::string summary = bytes_field(1, summary_value);
  record(double_field(1, wall_time_s()) + integer_field(2, step) + bytes_field(5, summary));
}

void EventFile::record(const std::string& event) {
  const std::string length = little_endian(event.size(), 8);
  out_ << length << little_endian(masked_crc(length), 4) << event
       << little_endian(masked_crc(event), 4);
}

MetricsLog::MetricsLog(const std::filesystem::path& folder, const std::string& name,
                       int64_t steps_done)
    : csv_path_(folder / (name + ".csv")), events_(folder / "tensorboard" / name, steps_done) {
  std::string kept;
  if (steps_done > 0 && std::filesystem::exists(csv_path_)) {
    std::istringstream lines(read_file(csv_path_));
    std::string line;
    while (std::getline(lines, line)) {
      const bool header = line.starts_with("step");
      const int64_t step = header ? -1 : std::atoll(line.c_str());
      if (step <= steps_done) kept += line + "\n";
      if (step <= steps_done) last_step_ = std::max(last_step_, step);
      has_header_ = has_header_ || header;
    }
  }
  write_file_atomically(csv_path_, kept);
  csv_.open(csv_path_, std::ios::app);
  if (!csv_) fail(ErrorCode::kIo, "cannot write {}", csv_path_.string());
}

void MetricsLog::write(int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  if (!has_header_) {
    csv_ << "step";
    for (const auto& [column, value] : values) csv_ << ',' << column;
    csv_ << '\n';
    has_header_ = true;
  }
  last_step_ = step;
  csv_ << step;
  for (const auto& [column, value] : values) {
    csv_ << ',' << fmt::format("{:.6g}", value);
    events_.scalar(column, step, value);
  }
  csv_ << '\n' << std::flush;
  events_.flush();
}

}  // namespace stapes::train
