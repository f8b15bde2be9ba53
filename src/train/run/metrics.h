// Numbers of a run: one CSV and one TensorBoard event file, both readable while the run goes on.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace stapes::train {

// TensorBoard's format: records of length, masked CRC-32C of the length, data, masked CRC-32C of
// the data; the data are `Event` protocol buffers (tensorflow/core/util/event.proto), scalars only.
// One writer a file, and one folder for each writer that lives at the same time: TensorBoard leaves
// a folder's file for good as soon as there is a newer one.
class EventFile {
 public:
  EventFile(const std::filesystem::path& folder, int64_t first_step);
  void scalar(const std::string& tag, int64_t step, double value);
  void flush() { out_.flush(); }

 private:
  void record(const std::string& event);
  std::ofstream out_;
};

// Rows of `step` and named columns, in FOLDER/NAME.csv and below FOLDER/tensorboard/NAME
// (TensorBoard then draws the same column of several logs in one plot). The columns are those of
// the first row.
class MetricsLog {
 public:
  // Rows of a previous run after `steps_done` are dropped: a resumed run writes them again.
  MetricsLog(const std::filesystem::path& folder, const std::string& name, int64_t steps_done);
  void write(int64_t step, const std::vector<std::pair<std::string, double>>& values);
  int64_t last_step() const { return last_step_; }  // of all rows; -1: there is none

 private:
  std::filesystem::path csv_path_;
  std::ofstream csv_;
  bool has_header_ = false;
  int64_t last_step_ = -1;
  EventFile events_;
};

uint32_t crc32c(const std::string& bytes);

}  // namespace stapes::train
