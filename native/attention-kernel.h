// Attention of one head in blocks that fit in the cache, for AVX-512.
#pragma once

#include <cstdint>

namespace pixart {

// Tokens of one head: `width` numbers each, `stride` numbers apart.
struct HeadTokens {
  float* first;
  int64_t stride, count;
};

// out = softmax(scale q kᵀ) v for the queries from `begin` to before `end`. `scratch` has room for attention_scratch()
// numbers.
struct HeadAttention {
  HeadTokens q, k, v, out;
  int64_t width, begin, end;
  float scale;
  float* scratch;
};

constexpr int64_t kWidestHead = 128;

int64_t attention_scratch(int64_t keys, int64_t width);

void attend_avx512(const HeadAttention& job);

}  // namespace pixart
