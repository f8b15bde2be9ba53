// The page's template (web/dist-report), in the program itself: cmake/EmbedAssets.cmake writes it.
#pragma once

#include <span>

#include "base/asset.h"

namespace stapes::report {

std::span<const Asset> page_assets();  // report.html alone

}  // namespace stapes::report
