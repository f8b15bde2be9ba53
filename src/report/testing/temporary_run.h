// A run's folder that is removed at the end of the test.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace stapes::report::testing {

class TemporaryRun : public ::testing::Test {
 protected:
  TemporaryRun()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                ("stapes-report-" + std::to_string(::getpid())) / "run") {
    std::filesystem::remove_all(folder_.parent_path());
    std::filesystem::create_directories(folder_);
  }
  ~TemporaryRun() override { std::filesystem::remove_all(folder_.parent_path()); }

  std::filesystem::path write(const std::filesystem::path& name, std::string_view text) const {
    std::filesystem::create_directories((folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }

  std::filesystem::path folder_;
};

}  // namespace stapes::report::testing
