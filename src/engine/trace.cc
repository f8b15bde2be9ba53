#include "engine/trace.h"

#include <system_error>

#include "base/fail.h"
#include "tensor/npy.h"

namespace stapes {
namespace fs = std::filesystem;

void write_trace(const Trace& trace, const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    fail(ErrorCode::kIo, "cannot make the folder {}: {}", folder.string(), error.message());
  for (size_t i = 0; i < trace.clips.size(); ++i) {
    const auto write = [&](const char* what, const Tensor& tensor) {
      const std::string number = i == 0 ? "" : "." + std::to_string(i);
      write_npy(folder / (what + number + ".npy"), tensor.values(), tensor.shape());
    };
    write("mel", trace.clips[i].mel);
    write("encoder", trace.clips[i].encoder);
    write("adaptor", trace.clips[i].adaptor);
  }
  write_npy(folder / "prompt_ids.npy", trace.prompt_ids,
            {static_cast<int64_t>(trace.prompt_ids.size())});
  write_npy(folder / "logits.npy", trace.logits, {static_cast<int64_t>(trace.logits.size())});
}

}  // namespace stapes
