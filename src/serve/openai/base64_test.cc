#include "serve/openai/base64.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "serve/openai/testing/support.h"

namespace stapes::serve {
namespace {

constexpr size_t kEnough = 1 << 20;

TEST(Base64, GivesBackAnyBytes) {
  Rng rng(5);
  for (size_t size = 0; size < 200; ++size) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(rng.integer(0, 255));
    std::string text = testing::base64(bytes);
    EXPECT_EQ(decode_base64(text, kEnough), bytes);
    while (text.ends_with('=')) text.pop_back();
    EXPECT_EQ(decode_base64(text, kEnough), bytes);
    for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
    for (size_t i = 0; i < text.size(); i += 8) text.insert(i, "\r\n ");
    EXPECT_EQ(decode_base64(text + "\t\n", kEnough), bytes);
  }
}

std::string refused(const std::string& text, size_t max_bytes = kEnough) {
  return testing::refusal_of([&] { decode_base64(text, max_bytes); }).message;
}

TEST(Base64, SaysWhatIsWrong) {
  EXPECT_EQ(refused("QUJ*"), "expected base64, but character 3 is none of its alphabet");
  EXPECT_EQ(refused("QUI\xc3\xa9"), "expected base64, but character 3 is none of its alphabet");
  EXPECT_EQ(refused("QUI=QUI="), "expected base64, but it goes on after its padding at 4");
  for (const char* broken : {"Q", "QUJDR", "QQ=", "QUI==", "QUJD=", "QQ===", "="})
    EXPECT_NE(refused(broken).find("cannot be whole bytes"), std::string::npos) << broken;
}

TEST(Base64, LimitsTheSize) {
  EXPECT_EQ(decode_base64("QUJD", 3), "ABC");
  EXPECT_EQ(refused("QUJDRA==", 3), "expected at most 3 bytes, got 4");
}

}  // namespace
}  // namespace stapes::serve
