#pragma once

#include "env.h"

namespace pixart {

// Once a process: how the C library's allocator treats what is freed.
void keep_freed_memory();

extern const std::vector<Export> kEngineExports;

}  // namespace pixart
