#pragma once

#include <string>

namespace pixart {

// Which library multiplies here, for people.
std::string describe_products();

}  // namespace pixart
