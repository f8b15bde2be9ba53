#include "reward/disk_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "stapes/error.h"
#include "world/test_support.h"

namespace stapes::reward {
namespace {

using world::test::TemporaryFolder;

std::filesystem::path only_file(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) return entry.path();
  return {};
}

TEST(DiskCache, KeepsAnyBytes) {
  const TemporaryFolder folder;
  const std::string key("a\0key\n1", 7), value("va\0lue\n\xff", 8);
  DiskCache(folder.path() / "cache").put(key, value);
  const DiskCache again(folder.path() / "cache");
  EXPECT_EQ(again.find(key), value);
  EXPECT_EQ(again.find("another"), std::nullopt);
  again.put(key, "");
  EXPECT_EQ(again.find(key), "");
}

TEST(DiskCache, DamagedFilesAreAsIfThereWereNone) {
  const TemporaryFolder folder;
  const DiskCache cache(folder.path());
  cache.put("key", "the value");
  const std::filesystem::path file = only_file(folder.path());
  const std::string whole = read_file(file);
  for (size_t length = 0; length < whole.size(); ++length) {
    std::ofstream(file, std::ios::binary) << whole.substr(0, length);
    EXPECT_EQ(cache.find("key"), std::nullopt) << length;
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    std::ofstream(file, std::ios::binary) << changed;
    EXPECT_EQ(cache.find("key"), std::nullopt) << i;
  }
}

TEST(DiskCache, WithoutAFolderNothingIsKept) {
  const DiskCache cache("");
  cache.put("key", "value");
  EXPECT_FALSE(cache.enabled());
  EXPECT_EQ(cache.find("key"), std::nullopt);
}

TEST(DiskCache, AFileInPlaceOfTheFolder) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "file") << "x";
  try {
    DiskCache cache(folder.path() / "file");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_THAT(error.what(), ::testing::HasSubstr("cache folder"));
  }
}

}  // namespace
}  // namespace stapes::reward
