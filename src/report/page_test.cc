#include "report/page.h"

#include <gmock/gmock.h>

#include "report/clips.h"
#include "report/testing/temporary_run.h"

namespace stapes::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::ordered_json;

constexpr const char* kHostile =
    "</script><script>alert(1)</script><!-- <img src=x onerror=alert(2)> & \" ' {{STAPES_DATA}} "
    "\xe2\x80\xa8 \xff";

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

RunReport hostile_run() {
  RunReport run;
  run.name = run.title = run.recipe = kHostile;
  run.missing = {kHostile};
  Sample sample;
  sample.prompt = sample.thinking = sample.answer = kHostile;
  run.samples.chosen.push_back(sample);
  RunLog log{"metrics", {}};
  log.table.steps = {1};
  log.table.columns = {{kHostile, {std::nan("")}}};
  run.logs.push_back(log);
  return run;
}

TEST(Escaping, Html) {
  EXPECT_EQ(escape_html("<a b=\"c\">&'"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
}

TEST(Escaping, JsonInAScriptElementEndsNothingAndReadsBack) {
  const Json value = {{"<k>", "</script> <!-- & \xe2\x80\xa8"}, {"n", 1.5}};
  const std::string text = script_json(value);
  EXPECT_THAT(text, Not(HasSubstr("<")));
  EXPECT_THAT(text, Not(HasSubstr(">")));
  EXPECT_THAT(text, Not(HasSubstr("&")));
  EXPECT_EQ(Json::parse(text), value);
  EXPECT_EQ(Json::parse(script_json(Json("\xff"))).get<std::string>(), "\xef\xbf\xbd");
}

TEST(Page, HostileTextStaysText) {
  const RunReport harmless_run = [] {
    RunReport run;
    run.name = "a";
    return run;
  }();
  const std::string harmless = report_page({&harmless_run, 1}, {});
  const RunReport run = hostile_run();
  const std::string page = report_page({&run, 1}, {});
  for (const char* part : {"<script", "</script", "<img", "<!--", "</style"})
    EXPECT_EQ(count(page, part), count(harmless, part)) << part;
  const size_t begin = page.find("id=\"data\">") + 10;
  const Json data = Json::parse(page.substr(begin, page.find("</script>", begin) - begin));
  EXPECT_THAT(data["runs"][0]["samples"]["chosen"][0]["thinking"].get<std::string>(),
              HasSubstr("<img src=x onerror=alert(2)>"));
  EXPECT_TRUE(data["runs"][0]["logs"]["metrics"]["columns"].front()[0].is_null()) << "NaN";
}

TEST(Page, TitleIsWhatTheRunsShare) {
  const auto title = [](std::initializer_list<const char*> names, const std::string& given = "") {
    std::vector<RunReport> runs;
    for (const char* name : names) runs.emplace_back().name = name;
    return page_data(runs, {.title = given})["title"].get<std::string>();
  };
  EXPECT_EQ(title({"a"}), "a");
  EXPECT_EQ(title({"a", "b"}), "2 runs");
  EXPECT_EQ(title({"a", "a/round-1/rl"}), "a");
  EXPECT_EQ(title({"a", "ab/c"}), "2 runs");
  EXPECT_EQ(title({"a", "b"}, "Mine"), "Mine");
}

TEST(Base64, KnownValues) {  // RFC 4648, section 10
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

class ClipsTest : public testing::TemporaryRun {};

TEST_F(ClipsTest, SoundsAreInThePageWhileThereIsRoom) {
  const std::string wav = std::string("RIFF\x04\0\0\0WAVE", 12) + std::string(988, 'x');
  const auto first = write("a b.wav", wav), second = write("clips/second#1.wav", wav);
  const auto secret = write("secret.txt", "no sound at all");
  ClipShelf shelf(folder_, 1500);
  EXPECT_TRUE(shelf.get(first).data.starts_with("data:audio/wav;base64,UklGR"));
  EXPECT_EQ(shelf.get(first).link, "");
  EXPECT_EQ(shelf.get(second).data, "");
  EXPECT_EQ(shelf.get(second).link, "clips/second%231.wav");
  EXPECT_THAT(shelf.get(second).note, HasSubstr("too large"));
  EXPECT_EQ(shelf.get(secret).data, "") << "only sounds are put into pages";
  EXPECT_EQ(shelf.get(folder_ / "none.wav").link, "");
}

}  // namespace
}  // namespace stapes::report
