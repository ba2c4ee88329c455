// Convolutions of 3 x 3 by Winograd's minimal filtering F(2 x 2, 3 x 3), for AVX-512: 16 products for 4 outputs instead
// of 36 (Lavin and Gray 2015, arXiv 1509.09308, section 4.1).
#pragma once

#include <cstdint>

namespace pixart {

// Shapes: C inputs, K outputs, H height, W width; a tile is 2 x 2 outputs.

// Filters (K, C, 3, 3) in the transformed layout used for multiplying.
int64_t winograd_filter_numbers(int64_t inputs, int64_t outputs);
void winograd_filters(const float* weight, int64_t inputs, int64_t outputs, int64_t first_output, int64_t end_output, float* filters);

struct WinogradLayer {
  const float* x;        // (C, H, W)
  const float* filters;  // output of winograd_filters()
  const float* bias;     // (K), or null
  float* y;              // (K, H, W)
  int64_t inputs, outputs, height, width;
};

// Tiles are processed in groups of 16 along a row; the last group of a row may extend beyond it.
int64_t winograd_groups(const WinogradLayer& layer);
int64_t winograd_scratch(const WinogradLayer& layer, int64_t groups);

// The outputs of tile groups from `begin` to before `end`, at most as many as `scratch` was sized for.
void winograd_avx512(const WinogradLayer& layer, int64_t begin, int64_t end, float* scratch);

}  // namespace pixart
