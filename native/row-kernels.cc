#include "row-kernels.h"

#include "lanes.h"

namespace pixart {
namespace {

// body(i, count) for each vector of a row; all but the last are full.
template <typename Body>
INLINE void each_vector(int64_t width, const Body& body) {
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) body(i, kLanes);
  if (i < width) body(i, width - i);
}

// The sum of term(i, count) over a row, in four parallel sums: a single one would wait for itself.
template <typename Term>
INLINE float sum(int64_t width, const Term& term) {
  Floats sums[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes <= width; i += 4 * kLanes) {
    for (int64_t j = 0; j < 4; j++) sums[j] += term(i + j * kLanes, kLanes);
  }
  for (; i + kLanes <= width; i += kLanes) sums[0] += term(i, kLanes);
  if (i < width) sums[1] += term(i, width - i);
  return total((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

// Ones in the first `count` lanes, zeros in the others.
INLINE Floats only(int64_t count) {
  float lanes[kLanes];
  for (int64_t i = 0; i < kLanes; i++) lanes[i] = i < count ? 1 : 0;
  return load_all(lanes);
}

template <typename T>
INLINE float mean_of(const T* x, int64_t count) {
  return sum(count, [x](int64_t i, int64_t lanes) { return load(x + i, lanes); }) / static_cast<float>(count);
}

// The sum of squared distances from the mean.
template <typename T>
INLINE float squares_of(const T* x, int64_t count, float mean) {
  return sum(count, [x, mean](int64_t i, int64_t lanes) {
    const Floats off = (load(x + i, lanes) - mean) * (lanes == kLanes ? spread(1) : only(lanes));
    return off * off;
  });
}

template <typename X, typename Y>
void modulated_norm(const ModulatedNorm& job) {
  for (int64_t row = 0; row < job.rows; row++) {
    const X* x = static_cast<const X*>(job.x) + row * job.width;
    Y* y = static_cast<Y*>(job.y) + row * job.width;
    const float mean = mean_of(x, job.width);
    const float variance = squares_of(x, job.width, mean) / static_cast<float>(job.width);
    const float inverse = 1 / __builtin_sqrtf(variance + job.eps);
    if (job.stats) {
      job.stats[2 * row] = mean;
      job.stats[2 * row + 1] = inverse;
    }
    each_vector(job.width, [&](int64_t i, int64_t count) {
      const Floats normal = (load(x + i, count) - mean) * inverse;
      store(y + i, normal * (load(job.scale + i, count) + 1) + load(job.shift + i, count), count);
    });
  }
}

template <typename G, typename X>
void modulated_norm_grad(const ModulatedNormGrad& job) {
  for (int64_t row = 0; row < job.rows; row++) {
    const G* grad = static_cast<const G*>(job.grad) + row * job.width;
    const X* x = static_cast<const X*>(job.x) + row * job.width;
    X* grad_x = static_cast<X*>(job.grad_x) + row * job.width;
    const float mean = job.stats[2 * row], inverse = job.stats[2 * row + 1];
    Floats slopes = {}, products = {};
    each_vector(job.width, [&](int64_t i, int64_t count) {
      const Floats g = load(grad + i, count);
      const Floats normal = (load(x + i, count) - mean) * inverse;
      const Floats slope = g * (load(job.scale + i, count) + 1);
      slopes += slope;
      products += slope * normal;
      store(job.grad_shift + i, load(job.grad_shift + i, count) + g, count);
      store(job.grad_scale + i, load(job.grad_scale + i, count) + g * normal, count);
    });
    const float width = static_cast<float>(job.width);
    const float slope_mean = total(slopes) / width, product_mean = total(products) / width;
    each_vector(job.width, [&](int64_t i, int64_t count) {
      const Floats normal = (load(x + i, count) - mean) * inverse;
      const Floats slope = load(grad + i, count) * (load(job.scale + i, count) + 1);
      store(grad_x + i, (slope - slope_mean - normal * product_mean) * inverse, count);
    });
  }
}

template <typename X, typename Z, typename Y>
void gated_residual(const GatedResidual& job) {
  for (int64_t row = 0; row < job.rows; row++) {
    const X* x = static_cast<const X*>(job.x) + row * job.width;
    const Z* z = static_cast<const Z*>(job.z) + row * job.width;
    Y* y = static_cast<Y*>(job.y) + row * job.width;
    each_vector(job.width, [&](int64_t i, int64_t count) {
      store(y + i, load(x + i, count) + load(job.gate + i, count) * load(z + i, count), count);
    });
  }
}

template <typename G, typename Z>
void gated_residual_grad(const GatedResidualGrad& job) {
  for (int64_t row = 0; row < job.rows; row++) {
    const G* grad = static_cast<const G*>(job.grad) + row * job.width;
    const Z* z = static_cast<const Z*>(job.z) + row * job.width;
    Z* grad_z = static_cast<Z*>(job.grad_z) + row * job.width;
    each_vector(job.width, [&](int64_t i, int64_t count) {
      const Floats g = load(grad + i, count);
      store(grad_z + i, g * load(job.gate + i, count), count);
      store(job.grad_gate + i, load(job.grad_gate + i, count) + g * load(z + i, count), count);
    });
  }
}

template <typename X, typename Y>
void rms_norm(const RmsNorm& job) {
  for (int64_t row = 0; row < job.rows; row++) {
    const X* x = static_cast<const X*>(job.x) + row * job.width;
    Y* y = static_cast<Y*>(job.y) + row * job.width;
    const float squares = sum(job.width, [x](int64_t i, int64_t count) {
      const Floats value = load(x + i, count);
      return value * value;
    });
    const float inverse = 1 / __builtin_sqrtf(squares / static_cast<float>(job.width) + job.eps);
    each_vector(job.width, [&](int64_t i, int64_t count) {
      store(y + i, load(x + i, count) * inverse * load(job.weight + i, count), count);
    });
  }
}

// tanh's form of GELU is x σ(2u) for u = √(2/π) (x + 0.044715 x³).
constexpr float kSlope = 1.5957691216057308f;          // 2 √(2/π)
constexpr float kCubic = 0.044715f * kSlope;

// σ(x), and 0 where its exponential would overflow
INLINE Floats sigmoid(Floats x) {
  const Floats found = 1 / (1 + exponential(-x));
  return x < spread(-87) ? spread(0) : found;
}

INLINE Floats gelu_gate(Floats x) {
  return sigmoid(x * (kSlope + kCubic * x * x));
}

template <typename T>
void gelu(const Gelu& job) {
  const T* x = static_cast<const T*>(job.x);
  T* y = static_cast<T*>(job.y);
  each_vector(job.count, [&](int64_t i, int64_t count) {
    const Floats value = load(x + i, count);
    store(y + i, value * gelu_gate(value), count);
  });
}

template <typename T>
void gelu_grad(const GeluGrad& job) {
  const T* grad = static_cast<const T*>(job.grad);
  const T* x = static_cast<const T*>(job.x);
  T* grad_x = static_cast<T*>(job.grad_x);
  each_vector(job.count, [&](int64_t i, int64_t count) {
    const Floats value = load(x + i, count);
    const Floats gate = gelu_gate(value);
    const Floats slope = gate + value * gate * (1 - gate) * (kSlope + 3 * kCubic * value * value);
    store(grad_x + i, load(grad + i, count) * slope, count);
  });
}

template <typename T>
void moments(const Moments& job) {
  const T* x = static_cast<const T*>(job.x);
  const float mean = mean_of(x, job.count);
  *job.mean = mean;
  *job.squares = squares_of(x, job.count, mean);
}

template <typename T>
void scaled_silu(const ScaledSilu& job) {
  const T* x = static_cast<const T*>(job.x);
  T* y = static_cast<T*>(job.y);
  each_vector(job.count, [&](int64_t i, int64_t count) {
    const Floats value = load(x + i, count) * job.scale + job.shift;
    store(y + i, value * sigmoid(value), count);
  });
}

INLINE Floats magnitude(Floats x) {
  return (Floats)((Words)x & 0x7fffffff);
}

// The largest magnitude of a row; NaN if any value is NaN.
template <typename T>
INLINE float largest(const T* x, int64_t width) {
  Floats most = {};
  each_vector(width, [&](int64_t i, int64_t count) {
    const Floats value = magnitude(load(x + i, count));
    most = ((value > most) | (value != value)) ? value : most;
  });
  float found = 0;
  for (int64_t i = 0; i < kLanes; i++) {
    if (most[i] > found || most[i] != most[i]) found = most[i];
  }
  return found;
}

template <typename T>
void rounded_rows(const RoundedRows& job) {
  typedef uint8_t Bytes __attribute__((vector_size(kLanes)));
  for (int64_t row = 0; row < job.rows; row++) {
    const T* x = static_cast<const T*>(job.x) + row * job.width;
    uint8_t* bytes = job.bytes + row * job.width;
    const float found = largest(x, job.width) / 127;
    const float scale = found < 1.1754943508222875e-38f ? 1.1754943508222875e-38f : found;  // not by 0
    job.scale[row] = scale;
    each_vector(job.width, [&](int64_t i, int64_t count) {
      const Ints whole = (Ints)(load(x + i, count) / scale + kShifter) - (Ints)spread(kShifter);
      const Bytes rounded = __builtin_convertvector((Words)(whole + 128), Bytes);
      std::memcpy(bytes + i, &rounded, static_cast<size_t>(count));
    });
  }
}

template <typename T>
void scaled_rows(const ScaledRows& job) {
  for (int64_t row = 0; row < job.rows; row++) {
    const float* x = job.x + row * job.width;
    T* y = static_cast<T*>(job.y) + row * job.width;
    const float scale = job.scale[row];
    if (job.bias) {
      each_vector(job.width, [&](int64_t i, int64_t count) { store(y + i, load(x + i, count) * scale + load(job.bias + i, count), count); });
    } else {
      each_vector(job.width, [&](int64_t i, int64_t count) { store(y + i, load(x + i, count) * scale, count); });
    }
  }
}

// Interpolates from the nearer end, so that both ends are exact.
INLINE Floats between(Floats start, Floats end, float weight) {
  return weight < 0.5f ? start + weight * (end - start) : end - (1 - weight) * (end - start);
}

INLINE Floats root(Floats x) {
  for (int64_t i = 0; i < kLanes; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
}

void adamw_step(const AdamWStep& job) {
  each_vector(job.count, [&](int64_t i, int64_t count) {
    const Floats grad = load(job.grad + i, count) * job.grad_scale;
    const Floats average = between(load(job.average + i, count), grad, job.weight);
    const Floats squares = load(job.average_of_squares + i, count) * job.beta2 + job.weight2 * grad * grad;
    store(job.average + i, average, count);
    store(job.average_of_squares + i, squares, count);
    const Floats parameter = load(job.parameter + i, count) * job.decay;
    store(job.parameter + i, parameter - job.rate * average / (root(squares) / job.root_of_bias + job.eps), count);
  });
}

void lerp(const Lerp& job) {
  each_vector(job.count, [&](int64_t i, int64_t count) {
    store(job.start + i, between(load(job.start + i, count), load(job.end + i, count), job.weight), count);
  });
}

void squares(const Squares& job) {
  *job.sum = sum(job.count, [&](int64_t i, int64_t count) {
    const Floats x = load(job.x + i, count);
    return x * x;
  });
}

constexpr bool is_float(Number kind) {
  return kind == Number::kFloat;
}

}  // namespace

// The level's name in the table's name: Base, Avx2 or Avx512.
#define TABLE_OF(level) k##level##RowKernels
#define TABLE(level) TABLE_OF(level)

const RowKernels TABLE(PIXART_LEVEL) = {
    [](const ModulatedNorm& job) {
      if (is_float(job.x_kind)) return modulated_norm<float, float>(job);
      if (is_float(job.y_kind)) return modulated_norm<BFloat16, float>(job);
      modulated_norm<BFloat16, BFloat16>(job);
    },
    [](const ModulatedNormGrad& job) {
      if (is_float(job.x_kind)) return modulated_norm_grad<float, float>(job);
      if (is_float(job.grad_kind)) return modulated_norm_grad<float, BFloat16>(job);
      modulated_norm_grad<BFloat16, BFloat16>(job);
    },
    [](const GatedResidual& job) {
      if (!is_float(job.y_kind)) return gated_residual<BFloat16, BFloat16, BFloat16>(job);
      if (is_float(job.x_kind)) return is_float(job.z_kind) ? gated_residual<float, float, float>(job) : gated_residual<float, BFloat16, float>(job);
      is_float(job.z_kind) ? gated_residual<BFloat16, float, float>(job) : gated_residual<BFloat16, BFloat16, float>(job);
    },
    [](const GatedResidualGrad& job) {
      if (!is_float(job.grad_kind)) return gated_residual_grad<BFloat16, BFloat16>(job);
      is_float(job.z_kind) ? gated_residual_grad<float, float>(job) : gated_residual_grad<float, BFloat16>(job);
    },
    [](const RmsNorm& job) {
      if (is_float(job.x_kind)) return is_float(job.y_kind) ? rms_norm<float, float>(job) : rms_norm<float, BFloat16>(job);
      is_float(job.y_kind) ? rms_norm<BFloat16, float>(job) : rms_norm<BFloat16, BFloat16>(job);
    },
    [](const Gelu& job) { is_float(job.kind) ? gelu<float>(job) : gelu<BFloat16>(job); },
    [](const GeluGrad& job) { is_float(job.kind) ? gelu_grad<float>(job) : gelu_grad<BFloat16>(job); },
    [](const Moments& job) { is_float(job.kind) ? moments<float>(job) : moments<BFloat16>(job); },
    [](const ScaledSilu& job) { is_float(job.kind) ? scaled_silu<float>(job) : scaled_silu<BFloat16>(job); },
    [](const RoundedRows& job) { is_float(job.kind) ? rounded_rows<float>(job) : rounded_rows<BFloat16>(job); },
    [](const ScaledRows& job) { is_float(job.kind) ? scaled_rows<float>(job) : scaled_rows<BFloat16>(job); },
    adamw_step,
    lerp,
    squares,
};

}  // namespace pixart
