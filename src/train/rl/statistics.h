// Numbers about a batch, as pure functions. Empty input gives NaN unless said otherwise.
#pragma once

#include <span>

namespace stapes::train {

double mean(std::span<const double> values);
double variance(std::span<const double> values);  // of the population
double standard_deviation(std::span<const double> values);
// The smallest value that at least `share` of all do not exceed (nearest rank). share in [0, 1].
double quantile(std::span<const double> values, double share);

// 1 - Var(truth - guess) / Var(truth): 1 for a perfect guess, 0 for a constant one. NaN where the
// truth hardly varies: it would mean nothing there.
double explained_variance(std::span<const double> guesses, std::span<const double> truths);

// Spearman's: the correlation of ranks, equal values sharing their mean rank. NaN where one of the
// two is constant.
double rank_correlation(std::span<const double> a, std::span<const double> b);

}  // namespace stapes::train
