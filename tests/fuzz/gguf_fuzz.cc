// libFuzzer: any bytes are a GGUF file that is refused by an Error, or one whose every view lies in
// the file.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "spec/model_file.h"
#include "stapes/error.h"
#include "tensor/gguf.h"
#include "tensor/quantized.h"

namespace {

// A file in memory, since the reader maps files.
class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : fd_(memfd_create("gguf", 0)) {
    if (fd_ < 0 || write(fd_, data, size) != static_cast<ssize_t>(size)) std::abort();
  }
  ~MemoryFile() { close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

// Reads all that the file claims to have: the sanitizers see what lies outside.
void read_everything(const stapes::GgufFile& file) {
  unsigned sum = 0;
  for (const auto& [name, view] : file.tensors()) {
    for (size_t i = 0; i < view.size_bytes(); ++i) sum += static_cast<unsigned>(view.data[i]);
    if (stapes::is_quantized(view.dtype) && view.element_count() < 100'000)
      sum += static_cast<unsigned>(stapes::widened_to_f32(view).size());
  }
  for (const auto& [key, value] : file.metadata())
    sum += static_cast<unsigned>(value.index() + key.size());
  [[maybe_unused]] volatile unsigned result = sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const MemoryFile bytes(data, size);
  try {
    const auto file = stapes::GgufFile::open(bytes.path());
    read_everything(file);
    stapes::check_model_file(file);
  } catch (const stapes::Error&) {
    // Whatever is wrong with a file is an Error; anything else ends the fuzzer.
  }
  return 0;
}
