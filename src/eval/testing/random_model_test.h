// For tests of evaluations: one random tiny model for all tests of a suite.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "engine/generator.h"
#include "engine/testing/tiny_model.h"

namespace stapes {

class RandomModelTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<testing::TemporaryFolder>();
    testing::write_random_model(folder_->path());
    EngineOptions options;
    options.threads = 1;
    generator_ = std::make_unique<Generator>(Generator::open(folder_->path(), options));
  }
  static void TearDownTestSuite() {
    generator_.reset();
    folder_.reset();
  }
  static inline std::unique_ptr<testing::TemporaryFolder> folder_;
  static inline std::unique_ptr<Generator> generator_;
};

}  // namespace stapes
