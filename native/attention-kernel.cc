#include "attention-kernel.h"

#include "lanes.h"

namespace pixart {
namespace {

// Shapes: E width of a head, V vectors of a token's values.

constexpr int64_t kBlockQueries = 48;
constexpr int64_t kBlockKeys = 256;
constexpr int64_t kGroupKeys = 4 * kLanes;  // number of keys that scores are computed for at once
constexpr int64_t kScoreRows = 6, kValueRows = 4;

// Keys as (groups, E, 64), so that a vector holds one channel of 16 keys; missing keys are 0.
void pack_keys(const HeadTokens& k, int64_t width, float* packed) {
  for (int64_t group = 0; group < k.count; group += kGroupKeys, packed += width * kGroupKeys) {
    for (int64_t key = 0; key < kGroupKeys; key++) {
      const float* from = k.first + (group + key) * k.stride;
      const bool is_there = group + key < k.count;
      for (int64_t e = 0; e < width; e++) packed[e * kGroupKeys + key] = is_there ? from[e] : 0;
    }
  }
}

// Values as (keys, 16 V); missing values are 0.
void pack_values(const HeadTokens& v, int64_t width, int64_t vectors, float* packed) {
  const int64_t keys = rounded_up(v.count, kGroupKeys);
  std::memset(packed, 0, static_cast<size_t>(keys * vectors * kLanes) * sizeof(float));
  for (int64_t key = 0; key < v.count; key++) {
    std::memcpy(packed + key * vectors * kLanes, v.first + key * v.stride, static_cast<size_t>(width) * sizeof(float));
  }
}

// Scores of six queries (E apart) with the keys of one group, written to rows that are kBlockKeys apart.
NOINLINE void score_group(const float* queries, const float* keys, int64_t width, float* scores) {
  Floats sums[kScoreRows][4] = {};
  for (int64_t e = 0; e < width; e++) {
    Floats channel[4];
    UNROLL
    for (int64_t j = 0; j < 4; j++) channel[j] = load_all(keys + e * kGroupKeys + j * kLanes);
    UNROLL
    for (int64_t row = 0; row < kScoreRows; row++) {
      UNROLL
      for (int64_t j = 0; j < 4; j++) sums[row][j] += channel[j] * queries[row * width + e];
    }
  }
  UNROLL
  for (int64_t row = 0; row < kScoreRows; row++) {
    UNROLL
    for (int64_t j = 0; j < 4; j++) store_all(scores + row * kBlockKeys + j * kLanes, sums[row][j]);
  }
}

// Adds the weighted values of `keys` keys to four queries' sums.
template <int64_t V>
NOINLINE void add_values(const float* weights, const float* values, int64_t keys, float* sums) {
  Floats all[kValueRows][V];
  UNROLL
  for (int64_t row = 0; row < kValueRows; row++) {
    UNROLL
    for (int64_t j = 0; j < V; j++) all[row][j] = load_all(sums + (row * V + j) * kLanes);
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
    for (int64_t j = 0; j < V; j++) store_all(sums + (row * V + j) * kLanes, all[row][j]);
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

// Scores of `groups` groups → weights under the new largest score. Returns the factor that rescales earlier sums to it.
INLINE float weigh(float* scores, int64_t groups, Progress& progress) {
  Floats most[4];
  for (int64_t j = 0; j < 4; j++) most[j] = spread(progress.largest);
  for (int64_t i = 0; i < groups * 4; i += 4) {
    for (int64_t j = 0; j < 4; j++) {
      const Floats score = load_all(scores + (i + j) * kLanes);
      most[j] = score > most[j] ? score : most[j];
    }
  }
  most[0] = most[1] > most[0] ? most[1] : most[0];
  most[2] = most[3] > most[2] ? most[3] : most[2];
  const float found = largest(most[2] > most[0] ? most[2] : most[0]);
  Floats sums[4] = {};
  for (int64_t i = 0; i < groups * 4; i += 4) {
    for (int64_t j = 0; j < 4; j++) {
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

struct Scratch {
  float *keys, *values, *queries, *scores, *sums;

  Scratch(float* memory, int64_t keys_count, int64_t width) {
    const int64_t room = rounded_up(keys_count, kGroupKeys);
    keys = memory;
    values = keys + room * rounded_up(width, kLanes);
    queries = values + room * rounded_up(width, kLanes);
    scores = queries + kBlockQueries * rounded_up(width, kLanes);
    sums = scores + kBlockQueries * kBlockKeys;
  }
};

template <int64_t V>
void attend_block(const HeadAttention& job, const Scratch& scratch, int64_t first, int64_t count) {
  std::memset(scratch.queries, 0, static_cast<size_t>(kBlockQueries * job.width) * sizeof(float));
  std::memset(scratch.sums, 0, static_cast<size_t>(kBlockQueries * V * kLanes) * sizeof(float));
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
      for (int64_t i = keys; i < groups * kGroupKeys; i++) scores[i] = -1e30f;
      const float worth = weigh(scores, groups, progress[row]);
      float* sums = scratch.sums + row * V * kLanes;
      for (int64_t j = 0; j < V; j++) store_all(sums + j * kLanes, load_all(sums + j * kLanes) * worth);
    }
    for (int64_t row = 0; row < kBlockQueries; row += kValueRows) {
      add_values<V>(scratch.scores + row * kBlockKeys, scratch.values + key * V * kLanes, keys, scratch.sums + row * V * kLanes);
    }
  }
  for (int64_t row = 0; row < count; row++) {
    float* to = job.out.first + (first + row) * job.out.stride;
    for (int64_t e = 0; e < job.width; e++) to[e] = scratch.sums[row * V * kLanes + e] / progress[row].sum;
  }
}

template <int64_t V>
void attend(const HeadAttention& job) {
  const Scratch scratch(job.scratch, job.k.count, job.width);
  pack_keys(job.k, job.width, scratch.keys);
  pack_values(job.v, job.width, V, scratch.values);
  for (int64_t first = job.begin; first < job.end; first += kBlockQueries) {
    attend_block<V>(job, scratch, first, job.end - first < kBlockQueries ? job.end - first : kBlockQueries);
  }
}

}  // namespace

int64_t attention_scratch(int64_t keys, int64_t width) {
  const int64_t padded = rounded_up(width, kLanes);
  return 2 * rounded_up(keys, kGroupKeys) * padded + 2 * kBlockQueries * padded + kBlockQueries * kBlockKeys;
}

void attend_avx512(const HeadAttention& job) {
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
}

}  // namespace pixart
