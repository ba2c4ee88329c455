#pragma once

#include "env.h"

namespace pixart {

// Call once per process: makes the C library's allocator keep freed memory.
void keep_freed_memory();

// Call once per process, before two threads compute: equal inputs then give equal results from the first call on.
void settle_vector_kernels();

extern const std::vector<Export> kEngineExports;

}  // namespace pixart
