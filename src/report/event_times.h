// How long a run worked, by the clock of its TensorBoard files.
#pragma once

#include <filesystem>
#include <optional>

namespace stapes::report {

// Seconds from the first to the last record of each file below FOLDER/tensorboard, summed over the
// sessions of a run that was stopped and went on; files of one session count once. Nothing where
// there is no file with two records. What is cut or no event file ends where it cannot be read.
std::optional<double> working_time_s(const std::filesystem::path& run_folder);

}  // namespace stapes::report
