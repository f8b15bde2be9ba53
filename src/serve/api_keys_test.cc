#include "serve/api_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "engine/testing/tiny_model.h"
#include "stapes/error.h"

namespace stapes::serve {
namespace {

using ::testing::HasSubstr;

class ApiKeysTest : public ::testing::Test {
 protected:
  ApiKeys load(const std::string& text) {
    const auto file = folder_.path() / "keys";
    write_file_atomically(file, text);
    return ApiKeys::load(file);
  }
  std::string why_not(const std::string& text) {
    try {
      load(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUsage);
      return error.what();
    }
    return "it was read";
  }
  const stapes::testing::TemporaryFolder folder_;
};

TEST_F(ApiKeysTest, ReadsLines) {
  const ApiKeys keys = load("# ours\r\n\n  one  \r\ntwo\n#three\nlast");
  for (const std::string key : {"one", "two", "last"})
    EXPECT_TRUE(keys.allow("Bearer " + key)) << key;
  for (const std::string key : {"", "three", "#three", "on", "onee", "oneone", "One"})
    EXPECT_FALSE(keys.allow("Bearer " + key)) << key;
  EXPECT_FALSE(keys.allow("one"));
  EXPECT_FALSE(keys.allow(""));
}

TEST_F(ApiKeysTest, WithoutKeysEverybodyMay) {
  EXPECT_TRUE(ApiKeys().allow(""));
}

TEST_F(ApiKeysTest, RefusesFilesThatProtectNothing) {
  EXPECT_THAT(why_not(""), HasSubstr("at least one key"));
  EXPECT_THAT(why_not("# nothing\n\n"), HasSubstr("at least one key"));
  EXPECT_THAT(why_not("good\ntwo words\n"), HasSubstr("keys:2: expected a key of printable"));
  EXPECT_THROW(ApiKeys::load(folder_.path() / "none"), Error);
}

}  // namespace
}  // namespace stapes::serve
