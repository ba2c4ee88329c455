// Attention of one head in blocks that fit in the cache, from AVX2 on.
#pragma once

#include <cstdint>

namespace pixart {

// Tokens of one head: `width` numbers each, `stride` numbers apart.
struct HeadTokens {
  float* first;
  int64_t stride, count;
};

// out = softmax(scale q kᵀ) v for the queries from `begin` to before `end`. `scratch` has room for as many numbers as
// AttentionKernel.scratch says.
struct HeadAttention {
  HeadTokens q, k, v, out;
  int64_t width, begin, end;
  float scale;
  float* scratch;
};

constexpr int64_t kWidestHead = 128;

struct AttentionKernel {
  int64_t (*scratch)(int64_t keys, int64_t width);
  void (*attend)(const HeadAttention&);
};

extern const AttentionKernel kAvx2Attention, kAvx512Attention;

}  // namespace pixart
