#include "serve/router.h"

#include <gtest/gtest.h>

namespace stapes::serve {
namespace {

Route route(const std::string& method, const std::string& path, const std::string& label = "") {
  return {.method = method, .path = path, .label = label};
}

TEST(Router, FindsTheClosestPath) {
  Router router;
  router.add(route("GET", "/a"));
  router.add(route("POST", "/a"));
  router.add(route("GET", "/a/*", "below"));
  router.add(route("GET", "/a/b/*", "deep"));
  router.add(route("GET", "/a/b/c", "exact"));
  const auto label = [&](const char* method, const char* path) {
    const Router::Match match = router.find(method, path);
    return match.route == nullptr ? "none" : match.route->label;
  };
  EXPECT_EQ(label("GET", "/a"), "/a");
  EXPECT_EQ(label("HEAD", "/a"), "/a");
  EXPECT_EQ(label("GET", "/a/"), "none");
  EXPECT_EQ(label("GET", "/a/x"), "below");
  EXPECT_EQ(label("GET", "/a/b/x"), "deep");
  EXPECT_EQ(label("GET", "/a/b/c"), "exact");
  EXPECT_EQ(label("POST", "/a/b/c"), "none");
  EXPECT_EQ(label("GET", "/"), "none");
  EXPECT_EQ(label("get", "/a"), "none");
  EXPECT_EQ(router.find("PUT", "/a").allow, "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(router.find("GET", "/z").allow, "");
  EXPECT_EQ(router.label("/a/whatever"), "below");
  EXPECT_EQ(router.label("/z"), "other");
}

}  // namespace
}  // namespace stapes::serve
