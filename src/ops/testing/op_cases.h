// Operations as real models call them, in one list for what is tested and what is timed. Letters as
// in ops/ops.h.
#pragma once

#include <array>
#include <cstdint>

#include "tensor/tensor.h"

namespace stapes::testing {

inline constexpr std::array kWeightTypes = {DType::kF32,  DType::kF16,  DType::kBF16, DType::kQ8_0,
                                            DType::kQ4_0, DType::kQ4_K, DType::kQ6_K};

// One matrix of a model; the decoder's products and the encoder's.
struct LinearCase {
  const char* name;
  int64_t outputs;  // O
  int64_t inputs;   // N
};
inline constexpr std::array kLinearCases = {
    LinearCase{"1.5b_qo", 1536, 1536},  LinearCase{"1.5b_kv", 256, 1536},
    LinearCase{"1.5b_up", 8960, 1536},  LinearCase{"1.5b_down", 1536, 8960},
    LinearCase{"r1_qo", 5120, 5120},    LinearCase{"r1_up", 27648, 5120},
    LinearCase{"r1_down", 5120, 27648}, LinearCase{"encoder_up", 5120, 1280},
};
inline constexpr std::array<int64_t, 3> kLinearRows = {1, 16, 512};  // alone, together, a prompt

// Causal attention over pages: `sequences` of `rows` new tokens each, after `context` earlier ones.
struct PagedAttentionCase {
  const char* name;
  int64_t sequences;
  int64_t rows;
  int64_t context;
  int64_t heads;       // H
  int64_t kv_heads;    // K
  int64_t head_width;  // W
};
inline constexpr std::array kPagedAttentionCases = {
    PagedAttentionCase{"1.5b_decode_128", 1, 1, 128, 12, 2, 128},
    PagedAttentionCase{"1.5b_decode_8192", 1, 1, 8192, 12, 2, 128},
    PagedAttentionCase{"1.5b_decode_16x1024", 16, 1, 1024, 12, 2, 128},
    PagedAttentionCase{"1.5b_prefill_512", 1, 512, 0, 12, 2, 128},
    PagedAttentionCase{"1.5b_prefill_512_at_1536", 1, 512, 1536, 12, 2, 128},
    PagedAttentionCase{"r1_decode_4096", 1, 1, 4096, 40, 8, 128},
};

// The encoder's attention over a clip: all of its positions see each other.
struct BidirectionalAttentionCase {
  const char* name;
  int64_t frames;      // S
  int64_t heads;       // H
  int64_t head_width;  // W
};
inline constexpr std::array kBidirectionalAttentionCases = {
    BidirectionalAttentionCase{"r1_3s", 150, 20, 64},
    BidirectionalAttentionCase{"r1_30s", 1500, 20, 64},
};

// Norms and activations.
struct RowwiseCase {
  const char* name;
  int64_t rows;   // R
  int64_t width;  // D, or F
};
inline constexpr std::array kRowwiseCases = {
    RowwiseCase{"1x1536", 1, 1536},       RowwiseCase{"16x8960", 16, 8960},
    RowwiseCase{"512x1536", 512, 1536},   RowwiseCase{"512x8960", 512, 8960},
    RowwiseCase{"1500x5120", 1500, 5120},
};

}  // namespace stapes::testing
