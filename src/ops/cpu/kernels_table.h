// The table of one level; included last by each kernels_LEVEL.cc.

constexpr Kernels kKernels{.name = kLevelName,
                           .widen = widen,
                           .linear = linear,
                           .row_group = row_group,
                           .pack_rows = pack_rows,
                           .packed_bytes = packed_bytes,
                           .multiply_blocks = multiply_blocks,
                           .layer_norm_row = layer_norm_row,
                           .rms_norm_row = rms_norm_row,
                           .gelu_erf = gelu_erf,
                           .silu_mul = silu_mul,
                           .rotate_head = rotate_head,
                           .softmax_row = softmax_row,
                           .attend_chunk = attend_chunk};
