#include "batch_files.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

#include "base/file.h"
#include "train/run/make_folder.h"

namespace stapes::train {
namespace {

namespace fs = std::filesystem;

// numpy's format 1.0: a header in text, padded to 64 bytes, then the values in order of rows.
template <typename T>
void write_npy(const fs::path& file, const std::vector<T>& values,
               const std::vector<int64_t>& shape) {
  constexpr size_t kPrefix = 10;
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({},)}}",
                  std::is_same_v<T, float> ? "<f4" : "<i8", fmt::join(shape, ", "));
  while ((kPrefix + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() % 256);
  bytes += static_cast<char>(header.size() / 256);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  write_file_atomically(file, bytes);
}

}  // namespace

void write_batch(const fs::path& folder, const Batch& batch) {
  make_folder(folder);
  const std::vector<int64_t> cells = {batch.examples, batch.rows};
  const auto list = [](const std::vector<int64_t>& values) {
    return std::vector<int64_t>{std::ssize(values)};
  };
  write_npy(folder / "ids.npy", batch.ids, cells);
  write_npy(folder / "positions.npy", batch.positions, cells);
  write_npy(folder / "segments.npy", batch.segments, cells);
  write_npy(folder / "labels.npy", batch.labels, cells);
  write_npy(folder / "mels.npy", batch.mels, {batch.clips, batch.mel_frames, batch.mel_bands});
  write_npy(folder / "mel_lengths.npy", batch.mel_lengths, list(batch.mel_lengths));
  write_npy(folder / "audio_rows.npy", batch.audio_rows, list(batch.audio_rows));
  write_npy(folder / "audio_sources.npy", batch.audio_sources, list(batch.audio_sources));
}

void write_model(const fs::path& folder, const ModelConfig& config, const Parameters& parameters) {
  make_folder(folder);
  write_file_atomically(folder / "config.json", to_json(config));
  parameters.save(folder / "model.safetensors", DType::kF32);
}

}  // namespace stapes::train
