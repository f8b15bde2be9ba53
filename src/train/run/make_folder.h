// Folders of a run.
#pragma once

#include <filesystem>

#include "base/fail.h"

namespace stapes::train {

// With those above it, unless it is there. Throws kIo.
inline void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    fail(ErrorCode::kIo, "cannot create the folder {}: {}", folder.string(), error.message());
}

}  // namespace stapes::train
