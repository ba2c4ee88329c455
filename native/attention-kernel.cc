#include "attention-kernel.h"

#include "lanes.h"

namespace pixart {
namespace {

// Shapes: E width of a head, G keys of a group, V vectors of a slice of a token's values.

constexpr bool kIsWide = kRegisters == 32;
constexpr int64_t kBlockQueries = 48;
constexpr int64_t kBlockKeys = 256;
constexpr int64_t kGroupVectors = kIsWide ? 4 : 2;
constexpr int64_t kGroupKeys = kGroupVectors * kLanes;  // number of keys that scores are computed for at once
constexpr int64_t kScoreRows = 6, kValueRows = kIsWide ? 4 : 6;
constexpr int64_t kWeighVectors = 4;  // maxima and sums that are accumulated in parallel

// Keys as (groups, E, G), so that a vector holds one channel of some keys; missing keys are 0.
void pack_keys(const HeadTokens& k, int64_t width, float* packed) {
  for (int64_t group = 0; group < k.count; group += kGroupKeys, packed += width * kGroupKeys) {
    for (int64_t key = 0; key < kGroupKeys; key++) {
      const float* from = k.first + (group + key) * k.stride;
      const bool is_there = group + key < k.count;
      for (int64_t e = 0; e < width; e++) packed[e * kGroupKeys + key] = is_there ? from[e] : 0;
    }
  }
}

// Values as (slices, keys, a slice's numbers); missing values are 0.
void pack_values(const HeadTokens& v, int64_t width, int64_t slice, float* packed) {
  const int64_t keys = rounded_up(v.count, kGroupKeys);
  std::memset(packed, 0, static_cast<size_t>(keys * rounded_up(width, slice)) * sizeof(float));
  for (int64_t first = 0; first < width; first += slice, packed += keys * slice) {
    const int64_t count = width - first < slice ? width - first : slice;
    for (int64_t key = 0; key < v.count; key++) {
      std::memcpy(packed + key * slice, v.first + key * v.stride + first, static_cast<size_t>(count) * sizeof(float));
    }
  }
}

// Scores of six queries (E apart) with the keys of one group, written to rows that are kBlockKeys apart.
NOINLINE void score_group(const float* queries, const float* keys, int64_t width, float* scores) {
  Floats sums[kScoreRows][kGroupVectors] = {};
  for (int64_t e = 0; e < width; e++) {
    Floats channel[kGroupVectors];
    UNROLL
    for (int64_t j = 0; j < kGroupVectors; j++) channel[j] = load_all(keys + e * kGroupKeys + j * kLanes);
    UNROLL
    for (int64_t row = 0; row < kScoreRows; row++) {
      UNROLL
      for (int64_t j = 0; j < kGroupVectors; j++) sums[row][j] += channel[j] * queries[row * width + e];
    }
  }
  UNROLL
  for (int64_t row = 0; row < kScoreRows; row++) {
    UNROLL
    for (int64_t j = 0; j < kGroupVectors; j++) store_all(scores + row * kBlockKeys + j * kLanes, sums[row][j]);
  }
}

// Adds the weighted values of `keys` keys, of one slice, to some queries' sums (`sums_stride` numbers apart).
template <int64_t V>
NOINLINE void add_values(const float* weights, const float* values, int64_t keys, float* sums, int64_t sums_stride) {
  Floats all[kValueRows][V];
  UNROLL
  for (int64_t row = 0; row < kValueRows; row++) {
    UNROLL
    for (int64_t j = 0; j < V; j++) all[row][j] = load_all(sums + row * sums_stride + j * kLanes);
  }
  for (int64_t key = 0; key < keys; key++) {
    Floats value[V];
    UNROLL
    for (int64_t j = 0; j < V; j++) value[j] = load_all(values + (key * V + j) * kLanes);
    UNROLL
    for (int64_t row = 0; row < kValueRows; row++) {
      UNROLL
      for (int64_t j = 0; j < V; j++) all[row][j] += value[j] * weights[row * kBlockKeys + key];
    }
  }
  UNROLL
  for (int64_t row = 0; row < kValueRows; row++) {
    UNROLL
    for (int64_t j = 0; j < V; j++) store_all(sums + row * sums_stride + j * kLanes, all[row][j]);
  }
}

INLINE float largest(Floats value) {
  float lanes[kLanes];
  store_all(lanes, value);
  float out = lanes[0];
  for (int64_t i = 1; i < kLanes; i++) out = lanes[i] > out ? lanes[i] : out;
  return out;
}

// State of a query between blocks of keys: the largest score, and the sum of all weights.
struct Progress {
  float largest, sum;
};

// `vectors` vectors of scores → weights under the new largest score. Returns the factor that rescales earlier sums to it.
INLINE float weigh(float* scores, int64_t vectors, Progress& progress) {
  Floats most[kWeighVectors];
  for (int64_t j = 0; j < kWeighVectors; j++) most[j] = spread(progress.largest);
  for (int64_t i = 0; i < vectors; i += kWeighVectors) {
    for (int64_t j = 0; j < kWeighVectors; j++) {
      const Floats score = load_all(scores + (i + j) * kLanes);
      most[j] = score > most[j] ? score : most[j];
    }
  }
  most[0] = most[1] > most[0] ? most[1] : most[0];
  most[2] = most[3] > most[2] ? most[3] : most[2];
  const float found = largest(most[2] > most[0] ? most[2] : most[0]);
  Floats sums[kWeighVectors] = {};
  for (int64_t i = 0; i < vectors; i += kWeighVectors) {
    for (int64_t j = 0; j < kWeighVectors; j++) {
      const Floats weight = power_of_two(load_all(scores + (i + j) * kLanes) - found);
      store_all(scores + (i + j) * kLanes, weight);
      sums[j] += weight;
    }
  }
  float lanes[kLanes];
  store_all(lanes, power_of_two(spread(progress.largest - found)));
  progress = {found, progress.sum * lanes[0] + total((sums[0] + sums[1]) + (sums[2] + sums[3]))};
  return lanes[0];
}

constexpr int64_t kMostPadding = 16;  // of a head's width

struct Scratch {
  float *keys, *values, *queries, *scores, *sums;

  Scratch(float* memory, int64_t keys_count, int64_t width) {
    const int64_t room = rounded_up(keys_count, kGroupKeys), padded = rounded_up(width, kMostPadding);
    keys = memory;
    values = keys + room * padded;
    queries = values + room * padded;
    scores = queries + kBlockQueries * padded;
    sums = scores + kBlockQueries * kBlockKeys;
  }
};

template <int64_t V>
void attend_block(const HeadAttention& job, const Scratch& scratch, int64_t first, int64_t count) {
  constexpr int64_t slice = V * kLanes;
  const int64_t sums_stride = rounded_up(job.width, slice), all_keys = rounded_up(job.k.count, kGroupKeys);
  std::memset(scratch.queries, 0, static_cast<size_t>(kBlockQueries * job.width) * sizeof(float));
  std::memset(scratch.sums, 0, static_cast<size_t>(kBlockQueries * sums_stride) * sizeof(float));
  for (int64_t row = 0; row < count; row++) {
    const float* from = job.q.first + (first + row) * job.q.stride;
    for (int64_t e = 0; e < job.width; e++) scratch.queries[row * job.width + e] = from[e] * (job.scale * kLog2E);
  }
  Progress progress[kBlockQueries];
  for (auto& each : progress) each = {-1e30f, 0};
  for (int64_t key = 0; key < job.k.count; key += kBlockKeys) {
    const int64_t keys = job.k.count - key < kBlockKeys ? job.k.count - key : kBlockKeys;
    const int64_t groups = (keys + kGroupKeys - 1) / kGroupKeys;
    for (int64_t row = 0; row < kBlockQueries; row += kScoreRows) {
      for (int64_t group = 0; group < groups; group++) {
        score_group(scratch.queries + row * job.width, scratch.keys + (key + group * kGroupKeys) * job.width, job.width,
                    scratch.scores + row * kBlockKeys + group * kGroupKeys);
      }
    }
    for (int64_t row = 0; row < kBlockQueries; row++) {
      float* scores = scratch.scores + row * kBlockKeys;
      const int64_t vectors = rounded_up(keys, kWeighVectors * kLanes) / kLanes;
      for (int64_t i = keys; i < vectors * kLanes; i++) scores[i] = -1e30f;
      const float worth = weigh(scores, vectors, progress[row]);
      float* sums = scratch.sums + row * sums_stride;
      for (int64_t j = 0; j < sums_stride; j += kLanes) store_all(sums + j, load_all(sums + j) * worth);
    }
    for (int64_t place = 0; place < sums_stride; place += slice) {
      const float* values = scratch.values + place * all_keys + key * slice;
      for (int64_t row = 0; row < kBlockQueries; row += kValueRows) {
        add_values<V>(scratch.scores + row * kBlockKeys, values, keys, scratch.sums + row * sums_stride + place, sums_stride);
      }
    }
  }
  for (int64_t row = 0; row < count; row++) {
    float* to = job.out.first + (first + row) * job.out.stride;
    for (int64_t e = 0; e < job.width; e++) to[e] = scratch.sums[row * sums_stride + e] / progress[row].sum;
  }
}

template <int64_t V>
void attend(const HeadAttention& job) {
  const Scratch scratch(job.scratch, job.k.count, job.width);
  pack_keys(job.k, job.width, scratch.keys);
  pack_values(job.v, job.width, V * kLanes, scratch.values);
  for (int64_t first = job.begin; first < job.end; first += kBlockQueries) {
    attend_block<V>(job, scratch, first, job.end - first < kBlockQueries ? job.end - first : kBlockQueries);
  }
}

int64_t scratch_numbers(int64_t keys, int64_t width) {
  const int64_t padded = rounded_up(width, kMostPadding);
  return 2 * rounded_up(keys, kGroupKeys) * padded + 2 * kBlockQueries * padded + kBlockQueries * kBlockKeys;
}

void attend_any(const HeadAttention& job) {
#ifndef __AVX512F__
  attend<2>(job);
#else
  // With 32 registers a head's whole width is one slice.
  switch ((job.width + kLanes - 1) / kLanes) {
    case 1: return attend<1>(job);
    case 2: return attend<2>(job);
    case 3: return attend<3>(job);
    case 4: return attend<4>(job);
    case 5: return attend<5>(job);
    case 6: return attend<6>(job);
    case 7: return attend<7>(job);
    default: return attend<8>(job);
  }
#endif
}

}  // namespace

// The level's name in the kernel's name: Avx2 or Avx512.
#define KERNEL_OF(level) k##level##Attention
#define KERNEL(level) KERNEL_OF(level)

const AttentionKernel KERNEL(PIXART_LEVEL) = {scratch_numbers, attend_any};

}  // namespace pixart
