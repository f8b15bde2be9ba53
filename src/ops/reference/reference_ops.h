// The slow obvious form of every operation: f32 in and out, double in between, one thread.
#pragma once

#include <memory>

#include "ops/ops.h"

namespace stapes {

std::unique_ptr<Ops> make_reference_ops();

}  // namespace stapes
