#include "engine/memory_budget.h"
#include "base/available_memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "stapes/error.h"

namespace stapes {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int64_t kGigabyte = 1'000'000'000;

MemoryBudget budget(int64_t asked_tokens, int64_t available_bytes) {
  return {.asked_tokens = asked_tokens,
          .context_tokens = 8192,
          .token_bytes = 500'000,
          .weight_bytes = 20 * kGigabyte,
          .available_bytes = available_bytes};
}

void expect_refused(const MemoryBudget& refused, ErrorCode code,
                    const ::testing::Matcher<const std::string&>& message) {
  try {
    kv_token_limit(refused);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.code()), static_cast<int>(code));
    EXPECT_THAT(error.what(), message);
  }
}

TEST(MemoryBudget, WhereThereIsRoomTheDefaultIsGiven) {
  EXPECT_EQ(kv_token_limit(budget(0, 1000 * kGigabyte)), 65536);
  MemoryBudget long_context = budget(0, 1000 * kGigabyte);
  long_context.context_tokens = 100'000;
  EXPECT_EQ(kv_token_limit(long_context), 100'000);
  long_context.available_bytes = MemoryBudget{}.available_bytes;  // unknown
  EXPECT_EQ(kv_token_limit(long_context), 100'000);
}

TEST(MemoryBudget, TheDefaultIsHalfOfWhatTheWeightsLeave) {
  EXPECT_EQ(kv_token_limit(budget(0, 24 * kGigabyte)), 4000);
}

TEST(MemoryBudget, WhatIsAskedForIsGivenOrRefused) {
  EXPECT_EQ(kv_token_limit(budget(8000, 24 * kGigabyte)), 8000);
  expect_refused(budget(8001, 24 * kGigabyte), ErrorCode::kTooLarge,
                 AllOf(HasSubstr("at most 8000 tokens"), HasSubstr("24.0 GB"), HasSubstr("8001")));
  expect_refused(budget(int64_t{1} << 60, 24 * kGigabyte), ErrorCode::kTooLarge,
                 HasSubstr("at most 8000 tokens"));
  expect_refused(budget(-1, 24 * kGigabyte), ErrorCode::kUsage, HasSubstr("-1"));
}

TEST(MemoryBudget, WeightsLargerThanTheMemory) {
  expect_refused(budget(0, 19 * kGigabyte), ErrorCode::kUnsupported,
                 AllOf(HasSubstr("20.0 GB"), HasSubstr("19.0 GB")));
}

TEST(MemoryBudget, TheSystemSaysWhatThereIs) {
  EXPECT_GT(available_memory_bytes(), 1'000'000);
}

}  // namespace
}  // namespace stapes
