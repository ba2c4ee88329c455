#pragma once

#include "env.h"

namespace pixart {

// Once a process: how the C library's allocator treats what is freed.
void keep_freed_memory();

// Once a process, before two threads compute: equal inputs give equal results from the first call on.
void settle_vector_kernels();

extern const std::vector<Export> kEngineExports;

}  // namespace pixart
