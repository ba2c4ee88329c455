#pragma once

#include <string>

namespace pixart {

// A human-readable description of the library that multiplies here.
std::string describe_products();

}  // namespace pixart
