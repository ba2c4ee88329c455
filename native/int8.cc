// What precedes and follows a product with 8-bit weights on the CPU: oneDNN multiplies, but only supports one scale for
// all rows.
#include <ATen/ops/abs.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "operators.h"
#include "rows.h"

namespace pixart {

using at::Tensor;

constexpr double kLeastScale = 1.1754943508222875e-38;  // the smallest normal number, so that a row of zeros isn't divided by 0

// Rows of x (…, I) → integers 0 to 255 with a zero point of 128 (…, I), and the step size of each row (…, 1).
static std::tuple<Tensor, Tensor> rounded_rows(const Tensor& given) {
  TORCH_CHECK(given.dim() > 0, "rounded_rows: expected rows but received a single number");
  const Tensor x = given.contiguous();
  if (!is_float_or_bfloat16(x)) {
    const Tensor wide = x.to(at::kFloat);
    const Tensor scale = wide.abs().amax(-1, true).div(127).clamp_min(kLeastScale);
    return {wide.div(scale).round().add(128).to(at::kByte), scale};
  }
  std::vector<int64_t> rows(x.sizes().begin(), x.sizes().end());
  rows.back() = 1;
  Tensor bytes = at::empty(x.sizes(), x.options().dtype(at::kByte));
  Tensor scale = at::empty(rows, x.options().dtype(at::kFloat));
  const int64_t width = x.size(-1);
  at::parallel_for(0, scale.numel(), grain_of(width), [&](int64_t begin, int64_t end) {
    kernels().rounded_rows({at_number(x, begin * width), bytes.data_ptr<uint8_t>() + begin * width, scale.data_ptr<float>() + begin, end - begin, width, kind_of(x)});
  });
  return {bytes, scale};
}

// Multiplies rows of x (…, O) by their scale (…, 1), and adds the bias (O) to each.
static Tensor scaled_rows(const Tensor& x, const Tensor& scale, const std::optional<Tensor>& bias, at::ScalarType dtype) {
  const bool has_bias = bias.has_value() && bias->defined();
  const bool fits = is_float(x) && x.is_contiguous() && is_float(scale) && scale.is_contiguous() && x.dim() > 0 && scale.numel() * x.size(-1) == x.numel() &&
                    (!has_bias || (is_float(*bias) && bias->is_contiguous() && bias->numel() == x.size(-1))) && (dtype == at::kFloat || dtype == at::kBFloat16);
  if (!fits) {
    const Tensor product = x.mul(scale);
    return (has_bias ? product.add(*bias) : product).to(dtype);
  }
  const int64_t width = x.size(-1);
  Tensor y = at::empty(x.sizes(), x.options().dtype(dtype));
  at::parallel_for(0, scale.numel(), grain_of(width), [&](int64_t begin, int64_t end) {
    kernels().scaled_rows({x.const_data_ptr<float>() + begin * width, scale.const_data_ptr<float>() + begin, has_bias ? bias->const_data_ptr<float>() : nullptr,
                           at_number(y, begin * width), end - begin, width, kind_of(y)});
  });
  return y;
}

void define_int8(torch::Library& library) {
  library.def("rounded_rows(Tensor x) -> (Tensor, Tensor)", &rounded_rows);
  library.def("scaled_rows(Tensor x, Tensor scale, Tensor? bias, *, ScalarType dtype) -> Tensor", &scaled_rows);
}

}  // namespace pixart
