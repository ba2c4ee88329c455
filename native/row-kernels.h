// Passes over rows of numbers in memory, compiled once for each level of vector instructions.
#pragma once

#include <cstdint>

namespace pixart {

// Types in memory; in registers all are float32.
enum class Number : uint8_t { kFloat, kBFloat16 };

// y = norm(x) (1 + scale) + shift, where norm() subtracts a row's mean and divides by its standard deviation.
struct ModulatedNorm {
  const void* x;
  const float* scale;
  const float* shift;
  void* y;
  float* stats;  // mean and inverse standard deviation of each row; null if not needed
  int64_t rows, width;
  float eps;
  Number x_kind, y_kind;
};

// Adds the rows' contributions to grad_scale and grad_shift.
struct ModulatedNormGrad {
  const void* grad;
  const void* x;
  const float* stats;
  const float* scale;
  void* grad_x;
  float* grad_scale;
  float* grad_shift;
  int64_t rows, width;
  Number grad_kind, x_kind;
};

// y = x + gate z
struct GatedResidual {
  const void* x;
  const float* gate;
  const void* z;
  void* y;
  int64_t rows, width;
  Number x_kind, z_kind, y_kind;
};

// Adds the rows' contributions to grad_gate.
struct GatedResidualGrad {
  const void* grad;
  const float* gate;
  const void* z;
  void* grad_z;
  float* grad_gate;
  int64_t rows, width;
  Number grad_kind, z_kind;
};

// y = x weight / the root mean square of x's row
struct RmsNorm {
  const void* x;
  const float* weight;
  void* y;
  int64_t rows, width;
  float eps;
  Number x_kind, y_kind;
};

// y = GELU(x) in its tanh form
struct Gelu {
  const void* x;
  void* y;
  int64_t count;
  Number kind;
};

struct GeluGrad {
  const void* grad;
  const void* x;
  void* grad_x;
  int64_t count;
  Number kind;
};

// The mean of some numbers, and the sum of their squared distances from it.
struct Moments {
  const void* x;
  int64_t count;
  Number kind;
  double *mean, *squares;
};

// y = SiLU(scale x + shift)
struct ScaledSilu {
  const void* x;
  void* y;
  int64_t count;
  float scale, shift;
  Number kind;
};

// bytes = 128 + x / scale, rounded to nearest, where scale makes a row's largest magnitude 127
struct RoundedRows {
  const void* x;
  uint8_t* bytes;
  float* scale;  // of each row
  int64_t rows, width;
  Number kind;
};

// y = scale x + bias, with one scale per row
struct ScaledRows {
  const float* x;
  const float* scale;
  const float* bias;  // null for none
  void* y;
  int64_t rows, width;
  Number kind;
};

// A step of AdamW, as in libtorch's fused operator.
struct AdamWStep {
  float *parameter, *average, *average_of_squares;
  const float* grad;
  int64_t count;
  float grad_scale;    // multiplies the gradient first
  float decay;         // multiplies the parameter first
  float weight;        // of the gradient in the average: 1 - beta1
  float beta2;         // of the average of squares in the next one
  float weight2;       // of the square in it: 1 - beta2
  float rate;          // learning rate over the average's bias
  float root_of_bias;  // of the average of squares
  float eps;
};

// start += weight (end - start)
struct Lerp {
  float* start;
  const float* end;
  int64_t count;
  float weight;
};

// The sum of squares.
struct Squares {
  const float* x;
  int64_t count;
  double* sum;
};

struct RowKernels {
  void (*modulated_norm)(const ModulatedNorm&);
  void (*modulated_norm_grad)(const ModulatedNormGrad&);
  void (*gated_residual)(const GatedResidual&);
  void (*gated_residual_grad)(const GatedResidualGrad&);
  void (*rms_norm)(const RmsNorm&);
  void (*gelu)(const Gelu&);
  void (*gelu_grad)(const GeluGrad&);
  void (*moments)(const Moments&);
  void (*scaled_silu)(const ScaledSilu&);
  void (*rounded_rows)(const RoundedRows&);
  void (*scaled_rows)(const ScaledRows&);
  void (*adamw_step)(const AdamWStep&);
  void (*lerp)(const Lerp&);
  void (*squares)(const Squares&);
};

extern const RowKernels kBaseRowKernels;
#ifdef __x86_64__
extern const RowKernels kAvx2RowKernels;
extern const RowKernels kAvx512RowKernels;
#endif

}  // namespace pixart
