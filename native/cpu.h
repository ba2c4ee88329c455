// Conditions for this project's own kernels.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/Tensor.h>

#include <atomic>

namespace pixart {

// If false, every operator of this project is libtorch's composition. Initially false with PIXART_KERNELS=libtorch.
inline std::atomic<bool> uses_own_kernels = true;

// Whether libtorch uses AVX-512 here, given the processor and ATEN_CPU_CAPABILITY.
inline bool has_avx512() {
#ifdef __x86_64__
  static const bool has = at::get_cpu_capability() == "AVX512";
  return has;
#else
  return false;
#endif
}

// Whether libtorch uses AVX2 or more here.
inline bool has_avx2() {
#ifdef __x86_64__
  static const bool has = has_avx512() || at::get_cpu_capability() == "AVX2";
  return has;
#else
  return false;
#endif
}

// Whether the processor multiplies bfloat16 natively, with AVX512_BF16, which all with AMX have too.
inline bool multiplies_bfloat16() {
#ifdef __x86_64__
  __builtin_cpu_init();
  return has_avx512() && __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

// Whether a tensor has elements in CPU memory and the addon's loops run on all threads: compiled without OpenMP they
// run on one.
inline bool is_on_cpu(const at::Tensor& t) {
#ifdef INTRA_OP_PARALLEL
  return uses_own_kernels && t.device().is_cpu() && t.layout() == at::kStrided && t.numel() > 0;
#else
  return t.defined() && false;
#endif
}

inline bool is_float(const at::Tensor& t) {
  return is_on_cpu(t) && t.scalar_type() == at::kFloat;
}

inline bool is_float_or_bfloat16(const at::Tensor& t) {
  return is_on_cpu(t) && (t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16);
}

}  // namespace pixart
