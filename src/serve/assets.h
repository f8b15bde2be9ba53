// The page: files of web/dist, in the program itself (cmake/EmbedAssets.cmake writes the table).
#pragma once

#include <span>
#include <string_view>

#include "base/asset.h"

namespace stapes::serve {

using stapes::Asset;

std::span<const Asset> page_assets();
// The Content-Security-Policy that the page was built for (web/csp.txt).
std::string_view page_security_policy();

}  // namespace stapes::serve
