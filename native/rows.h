// Tensors for the kernels of row-kernels.h.
#pragma once

#include <algorithm>

#include "cpu.h"
#include "row-kernels.h"

namespace pixart {

inline const RowKernels& kernels() {
#ifdef __x86_64__
  return has_avx512() ? kAvx512RowKernels : has_avx2() ? kAvx2RowKernels : kBaseRowKernels;
#else
  return kBaseRowKernels;
#endif
}

inline Number kind_of(const at::Tensor& t) {
  return t.scalar_type() == at::kFloat ? Number::kFloat : Number::kBFloat16;
}

inline char* at_number(const at::Tensor& t, int64_t i) {
  return static_cast<char*>(t.data_ptr()) + i * t.element_size();
}

// Number of elements that are worth waking another thread for.
constexpr int64_t kGrain = 32768;

inline int64_t grain_of(int64_t numbers) {
  return std::max<int64_t>(1, kGrain / numbers);
}

}  // namespace pixart
