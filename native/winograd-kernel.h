// Convolutions of 3 x 3 by Winograd's minimal filtering F(2 x 2, 3 x 3), from AVX2 on: 16 products for 4 outputs instead
// of 36 (Lavin and Gray 2015, arXiv 1509.09308, section 4.1).
#pragma once

#include <cstdint>

namespace pixart {

// Shapes: C inputs, K outputs, H height, W width; a tile is 2 x 2 outputs.

struct WinogradLayer {
  const float* x;        // (C, H, W)
  const float* filters;  // output of WinogradKernel.filters
  const float* bias;     // (K), or null
  float* y;              // (K, H, W)
  int64_t inputs, outputs, height, width;
};

struct WinogradKernel {
  // Filters (K, C, 3, 3) in the transformed layout used for multiplying: its size, and those of some outputs.
  int64_t (*filter_numbers)(int64_t inputs, int64_t outputs);
  void (*filters)(const float* weight, int64_t inputs, int64_t outputs, int64_t first_output, int64_t end_output, float* filters);

  // Tiles are processed in groups along a row; the last group of a row may extend beyond it.
  int64_t (*groups)(const WinogradLayer& layer);
  int64_t (*scratch)(const WinogradLayer& layer, int64_t groups);

  // The outputs of tile groups from `begin` to before `end`, at most as many as `scratch` was sized for.
  void (*convolve)(const WinogradLayer& layer, int64_t begin, int64_t end, float* scratch);

  int64_t tiles;  // of a group
};

extern const WinogradKernel kAvx2Winograd, kAvx512Winograd;

}  // namespace pixart
