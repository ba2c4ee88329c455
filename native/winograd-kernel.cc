#include "winograd-kernel.h"

#include <immintrin.h>

#include "lanes.h"

namespace pixart {
namespace {

constexpr int64_t kPlanes = 16;     // products of a tile
constexpr int64_t kOutputRows = kRegisters == 32 ? 12 : 6;  // outputs that are accumulated in parallel
constexpr int64_t kTiles = 2 * kLanes;                      // tiles that are accumulated in parallel

#ifdef __AVX512F__
INLINE Floats even_lanes(Floats low, Floats high) {
  const __m512i places = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  return (Floats)_mm512_permutex2var_ps((__m512)low, places, (__m512)high);
}

INLINE Floats odd_lanes(Floats low, Floats high) {
  const __m512i places = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
  return (Floats)_mm512_permutex2var_ps((__m512)low, places, (__m512)high);
}

// The lower halves of two vectors, lane by lane in turn.
INLINE Floats interleave_low(Floats even, Floats odd) {
  const __m512i places = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  return (Floats)_mm512_permutex2var_ps((__m512)even, places, (__m512)odd);
}

INLINE Floats interleave_high(Floats even, Floats odd) {
  const __m512i places = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  return (Floats)_mm512_permutex2var_ps((__m512)even, places, (__m512)odd);
}
#else
// The halves of a register of AVX2 shuffle separately; the second instruction puts them in order.
INLINE Floats even_lanes(Floats low, Floats high) {
  const __m256 halves = _mm256_shuffle_ps((__m256)low, (__m256)high, 0x88);
  return (Floats)_mm256_permute4x64_pd((__m256d)halves, 0xd8);
}

INLINE Floats odd_lanes(Floats low, Floats high) {
  const __m256 halves = _mm256_shuffle_ps((__m256)low, (__m256)high, 0xdd);
  return (Floats)_mm256_permute4x64_pd((__m256d)halves, 0xd8);
}

// The lower halves of two vectors, lane by lane in turn.
INLINE Floats interleave_low(Floats even, Floats odd) {
  const __m256 low = _mm256_unpacklo_ps((__m256)even, (__m256)odd), high = _mm256_unpackhi_ps((__m256)even, (__m256)odd);
  return (Floats)_mm256_permute2f128_ps(low, high, 0x20);
}

INLINE Floats interleave_high(Floats even, Floats odd) {
  const __m256 low = _mm256_unpacklo_ps((__m256)even, (__m256)odd), high = _mm256_unpackhi_ps((__m256)even, (__m256)odd);
  return (Floats)_mm256_permute2f128_ps(low, high, 0x31);
}
#endif

// Four columns of a vector of tiles: column c of tile t is number 2 t + c.
struct Columns {
  Floats column[4];
};

INLINE Columns columns_of(const float* row) {
  const Floats low = load_all(row), high = load_all(row + kLanes), next_low = load_all(row + 2), next_high = load_all(row + 2 + kLanes);
  return {{even_lanes(low, high), odd_lanes(low, high), even_lanes(next_low, next_high), odd_lanes(next_low, next_high)}};
}

// Input tiles of one channel → Bᵀ d B, one vector per plane, `plane_stride` numbers apart.
INLINE void transform_input(const float* x, int64_t height, int64_t width, int64_t top, int64_t left, float* planes, int64_t plane_stride) {
  Columns rows[4];
  float edge[2 * kLanes + 2];
  for (int64_t r = 0; r < 4; r++) {
    const int64_t y = top + r;
    if (y < 0 || y >= height) {
      rows[r] = {};
      continue;
    }
    const float* row = x + y * width + left;
    if (left < 0 || left + 2 * kLanes + 2 > width) {
      for (int64_t i = 0; i < 2 * kLanes + 2; i++) edge[i] = left + i >= 0 && left + i < width ? row[i] : 0;
      row = edge;
    }
    rows[r] = columns_of(row);
  }
  Columns half[4];
  for (int64_t c = 0; c < 4; c++) {
    half[0].column[c] = rows[0].column[c] - rows[2].column[c];
    half[1].column[c] = rows[1].column[c] + rows[2].column[c];
    half[2].column[c] = rows[2].column[c] - rows[1].column[c];
    half[3].column[c] = rows[1].column[c] - rows[3].column[c];
  }
  for (int64_t r = 0; r < 4; r++) {
    const Floats* d = half[r].column;
    float* to = planes + 4 * r * plane_stride;
    store_all(to, d[0] - d[2]);
    store_all(to + plane_stride, d[1] + d[2]);
    store_all(to + 2 * plane_stride, d[2] - d[1]);
    store_all(to + 3 * plane_stride, d[1] - d[3]);
  }
}

// Products of one output and a vector of tiles → Aᵀ m A plus bias: two rows of outputs.
INLINE void transform_output(const float* planes, int64_t plane_stride, float bias, float* y, int64_t width, int64_t left, bool has_second_row) {
  Floats m[4][4];
  for (int64_t r = 0; r < 4; r++) {
    for (int64_t c = 0; c < 4; c++) m[r][c] = load_all(planes + (4 * r + c) * plane_stride);
  }
  for (int64_t row = 0; row < (has_second_row ? 2 : 1); row++) {
    Floats sums[4];
    for (int64_t c = 0; c < 4; c++) sums[c] = row == 0 ? m[0][c] + m[1][c] + m[2][c] : m[1][c] - m[2][c] - m[3][c];
    const Floats even = sums[0] + sums[1] + sums[2] + bias, odd = sums[1] - sums[2] - sums[3] + bias;
    const Floats first = interleave_low(even, odd), second = interleave_high(even, odd);
    float* to = y + row * width + left;
    const int64_t room = width - left;
    if (room >= 2 * kLanes) {
      store_all(to, first);
      store_all(to + kLanes, second);
    } else {
      store(to, first, room < kLanes ? room : kLanes);
      if (room > kLanes) store(to + kLanes, second, room - kLanes);
    }
  }
}

// Shapes: R kOutputRows, T kTiles.

// One plane's products of R outputs and T tiles, summed over inputs: filters (C, R), tiles (C, T) → (R, T).
NOINLINE void multiply(const float* filters, const float* tiles, int64_t inputs, float* products) {
  Floats sums[kOutputRows][2] = {};
  for (int64_t c = 0; c < inputs; c++) {
    const Floats low = load_all(tiles + c * kTiles), high = load_all(tiles + c * kTiles + kLanes);
    UNROLL
    for (int64_t k = 0; k < kOutputRows; k++) {
      sums[k][0] += low * filters[c * kOutputRows + k];
      sums[k][1] += high * filters[c * kOutputRows + k];
    }
  }
  UNROLL
  for (int64_t k = 0; k < kOutputRows; k++) {
    store_all(products + k * kTiles, sums[k][0]);
    store_all(products + k * kTiles + kLanes, sums[k][1]);
  }
}

int64_t groups_of_row(const WinogradLayer& layer) {
  return ((layer.width + 1) / 2 + kLanes - 1) / kLanes;
}

// (plane, K / R, C, R)
int64_t filter_place(int64_t plane, int64_t output, int64_t input, int64_t inputs, int64_t outputs) {
  const int64_t rows = rounded_up(outputs, kOutputRows) / kOutputRows;
  return ((plane * rows + output / kOutputRows) * inputs + input) * kOutputRows + output % kOutputRows;
}

int64_t filter_numbers(int64_t inputs, int64_t outputs) {
  return kPlanes * rounded_up(outputs, kOutputRows) * inputs;
}

void transform_filters(const float* weight, int64_t inputs, int64_t outputs, int64_t first_output, int64_t end_output, float* filters) {
  for (int64_t output = first_output; output < end_output; output++) {
    for (int64_t input = 0; input < inputs; input++) {
      float g[3][3] = {}, half[4][3];
      if (output < outputs) std::memcpy(g, weight + (output * inputs + input) * 9, sizeof g);
      for (int64_t c = 0; c < 3; c++) {
        half[0][c] = g[0][c];
        half[1][c] = 0.5f * (g[0][c] + g[1][c] + g[2][c]);
        half[2][c] = 0.5f * (g[0][c] - g[1][c] + g[2][c]);
        half[3][c] = g[2][c];
      }
      for (int64_t r = 0; r < 4; r++) {
        const float* h = half[r];
        const float whole[4] = {h[0], 0.5f * (h[0] + h[1] + h[2]), 0.5f * (h[0] - h[1] + h[2]), h[2]};
        for (int64_t c = 0; c < 4; c++) filters[filter_place(4 * r + c, output, input, inputs, outputs)] = whole[c];
      }
    }
  }
}

int64_t groups_of(const WinogradLayer& layer) {
  return (layer.height + 1) / 2 * groups_of_row(layer);
}

int64_t scratch_numbers(const WinogradLayer& layer, int64_t groups) {
  const int64_t tiles = rounded_up(groups * kLanes, kTiles);
  return kPlanes * tiles * (layer.inputs + rounded_up(layer.outputs, kOutputRows));
}

void convolve(const WinogradLayer& layer, int64_t begin, int64_t end, float* scratch) {
  const int64_t in_row = groups_of_row(layer), pairs = (end - begin + 1) / 2;
  const int64_t rows = rounded_up(layer.outputs, kOutputRows) / kOutputRows;
  const int64_t input_plane = pairs * layer.inputs * kTiles, product_plane = pairs * rows * kOutputRows * kTiles;
  float* inputs = scratch;                             // (plane, pair of groups, C, T)
  float* products = scratch + kPlanes * input_plane;   // (plane, pair of groups, K, T)
  const auto place = [begin](int64_t group, int64_t channels) {
    return (group - begin) / 2 * channels * kTiles + (group - begin) % 2 * kLanes;
  };
  if ((end - begin) % 2 == 1) std::memset(inputs, 0, static_cast<size_t>(kPlanes * input_plane) * sizeof(float));
  for (int64_t group = begin; group < end; group++) {
    const int64_t top = group / in_row * 2 - 1, left = group % in_row * 2 * kLanes - 1;
    for (int64_t c = 0; c < layer.inputs; c++) {
      transform_input(layer.x + c * layer.height * layer.width, layer.height, layer.width, top, left,
                      inputs + place(group, layer.inputs) + c * kTiles, input_plane);
    }
  }
  for (int64_t plane = 0; plane < kPlanes; plane++) {
    for (int64_t pair = 0; pair < pairs; pair++) {
      for (int64_t row = 0; row < rows; row++) {
        multiply(layer.filters + (plane * rows + row) * layer.inputs * kOutputRows,
                 inputs + plane * input_plane + pair * layer.inputs * kTiles, layer.inputs,
                 products + plane * product_plane + (pair * rows + row) * kOutputRows * kTiles);
      }
    }
  }
  for (int64_t group = begin; group < end; group++) {
    const int64_t top = group / in_row * 2, left = group % in_row * 2 * kLanes;
    for (int64_t k = 0; k < layer.outputs; k++) {
      transform_output(products + place(group, rows * kOutputRows) + k * kTiles, product_plane, layer.bias ? layer.bias[k] : 0,
                       layer.y + (k * layer.height + top) * layer.width, layer.width, left, top + 1 < layer.height);
    }
  }
}

}  // namespace

// The level's name in the kernel's name: Avx2 or Avx512.
#define KERNEL_OF(level) k##level##Winograd
#define KERNEL(level) KERNEL_OF(level)

const WinogradKernel KERNEL(PIXART_LEVEL) = {filter_numbers, transform_filters, groups_of, scratch_numbers, convolve, kLanes};

}  // namespace pixart
