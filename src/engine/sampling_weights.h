// A whole vocabulary's logits as weights. Choosing a token looks at each of 150,000 of them several
// times, so these are loops that the compiler turns into vectors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace stapes {

// The largest value, -infinity of none; NaN if there is any.
float largest(std::span<const float> values);

// weights[i] = e^((values[i] - highest) / temperature), or 0 where that is below 1.2e-38. highest:
// finite, none of the values is above. The spans are of the same size, and may be the same. Returns
// the sum of the weights.
double exponentiate(std::span<const float> values, float highest, double temperature,
                    std::span<float> weights);

// Where the sum of the weights from the first one on comes to exceed `mass`, which is below their
// sum; where rounding keeps it from that, the last weight that is not 0. There is one at least, and
// none is negative.
size_t index_of_mass(std::span<const float> weights, double mass);

// What the `count` largest weights, or those that make up the share `mass` of the weights' sum, are
// not below: 3/4 of the least of them or more, so that rounding cannot leave one out; 0 where all
// of them are needed. No weight is negative.
float threshold_of_count(std::span<const float> weights, int64_t count);
float threshold_of_mass(std::span<const float> weights, double mass);

}  // namespace stapes
