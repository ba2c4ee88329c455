// As many float32 numbers at once as a register of the level holds that the compiler was told to use: GCC 12 divides
// longer vectors by way of memory. Everything is internal to the file that includes this, and no library templates
// are used: files are compiled for several instruction levels, and the linker would keep one copy of each template for all
// of them, possibly one that the processor can't run.
#pragma once

#include <cstdint>
#include <cstring>

namespace pixart {
namespace {

#if defined(__AVX512F__)
constexpr int64_t kLanes = 16, kRegisters = 32;
#elif defined(__AVX2__)
constexpr int64_t kLanes = 8, kRegisters = 16;
#else
constexpr int64_t kLanes = 4, kRegisters = 16;
#endif
typedef float Floats __attribute__((vector_size(4 * kLanes)));
typedef int32_t Ints __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Words __attribute__((vector_size(4 * kLanes)));
typedef uint16_t Halves __attribute__((vector_size(2 * kLanes)));

struct BFloat16 {
  uint16_t bits;
};

#define INLINE static inline __attribute__((always_inline))
// For loops whose sums would not all stay in registers if inlined into something larger.
#define NOINLINE static __attribute__((noinline))
#define UNROLL _Pragma("GCC unroll 16")

[[maybe_unused]] constexpr int64_t rounded_up(int64_t count, int64_t step) {
  return (count + step - 1) / step * step;
}

INLINE Floats spread(float value) {
  return value - Floats{};
}

INLINE Floats load_all(const float* from) {
  Floats out;
  std::memcpy(&out, from, sizeof out);
  return out;
}

INLINE Floats load_all(const BFloat16* from) {
  Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  const Words words = __builtin_convertvector(halves, Words) << 16;
  return (Floats)words;
}

INLINE void store_all(float* to, Floats value) {
  std::memcpy(to, &value, sizeof value);
}

// Rounds to nearest, ties to even.
INLINE void store_all(BFloat16* to, Floats value) {
  const Words bits = (Words)value;
  const Words nearest = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const Words is_number = (Words)(value == value);
  const Halves halves = __builtin_convertvector((nearest & is_number) | (0x7fc0 & ~is_number), Halves);
  std::memcpy(to, &halves, sizeof halves);
}

// Loads the first `count` lanes; the others are 0.
template <typename T>
INLINE Floats load(const T* from, int64_t count) {
  if (count == kLanes) return load_all(from);
  T lanes[kLanes] = {};
  std::memcpy(lanes, from, static_cast<size_t>(count) * sizeof(T));
  return load_all(lanes);
}

template <typename T>
INLINE void store(T* to, Floats value, int64_t count) {
  if (count == kLanes) return store_all(to, value);
  T lanes[kLanes];
  store_all(lanes, value);
  std::memcpy(to, lanes, static_cast<size_t>(count) * sizeof(T));
}

INLINE float total(Floats value) {
  float lanes[kLanes];
  store_all(lanes, value);
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t i = 0; i < half; i++) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

constexpr float kLog2E = 1.44269504f;

// 1.5 · 2^23: after adding it, the lowest bits contain the nearest integer.
constexpr float kShifter = 12582912;

// 2^(n + r) for r between -1/2 and 1/2, by its series: an error of 1e-8 before rounding.
INLINE Floats power(Floats shifted_n, Floats r) {
  Floats series = spread(1.525273380e-5f);  // ln(2)^n / n!
  series = series * r + 1.540353039e-4f;
  series = series * r + 1.333355815e-3f;
  series = series * r + 9.618129108e-3f;
  series = series * r + 5.550410866e-2f;
  series = series * r + 0.2402265070f;
  series = series * r + 0.6931471806f;
  series = series * r + 1;
  const Ints n = (Ints)shifted_n - (Ints)spread(kShifter);
  return series * (Floats)((n + 127) << 23);
}

// 2^x from 2^-126 to 2^127
INLINE Floats power_of_two(Floats x) {
  x = x < spread(-126) ? spread(-126) : x;
  x = x > spread(127) ? spread(127) : x;
  const Floats shifted = x + kShifter;
  return power(shifted, x - (shifted - kShifter));
}

// e^x from e^-87 to e^88. The remainder of x after whole powers of 2 is computed in two steps: x log2(e) alone would
// lose its last digits.
INLINE Floats exponential(Floats x) {
  x = x < spread(-87) ? spread(-87) : x;
  x = x > spread(88) ? spread(88) : x;
  const Floats shifted = x * kLog2E + kShifter;
  const Floats n = shifted - kShifter;
  return power(shifted, (x - n * 0.693145752f - n * 1.42860677e-6f) * kLog2E);
}

}  // namespace
}  // namespace pixart
