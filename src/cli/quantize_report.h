// What `stapes quantize` says of its work: a table for people, one row per tensor for programs.
#pragma once

#include <string>

#include "convert/quantize_model.h"

namespace stapes::cli {

// Groups of tensors that are stored alike, with size and error; then what did not fit its type.
std::string to_text(const QuantizeReport& report);
std::string to_csv(const QuantizeReport& report);
std::string to_json(const QuantizeReport& report);

}  // namespace stapes::cli
