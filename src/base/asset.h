// A file inside of the program (cmake/EmbedAssets.cmake).
#pragma once

#include <string_view>

namespace stapes {

struct Asset {
  std::string_view path;  // below its folder: "index.html", "assets/index-Gfn-ncup.js"
  std::string_view bytes;
};

}  // namespace stapes
