#pragma once

#include "env.h"

namespace pixart {

extern const std::vector<Export> kSpinExports;

}  // namespace pixart
