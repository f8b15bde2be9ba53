// The slow obvious forms of the attention operations.
#pragma once

#include "ops/ops.h"

namespace stapes {

void reference_attention(const op::AttentionBidirectional& args);
void reference_attention(const op::AttentionPaged& args);
void reference_kv_write(const op::KvWrite& args);

}  // namespace stapes
