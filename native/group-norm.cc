// GroupNorm and the activation after it.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/silu.h>
#include <torch/library.h>

#include <cmath>

#include "derivatives.h"
#include "operators.h"
#include "rows.h"

namespace pixart {

using at::Tensor;

// Moments of `pieces` pieces, equally long except the last → mean and variance of all (Chan, Golub and LeVeque 1979).
static std::pair<double, double> merged(const double* moments, int64_t pieces, int64_t piece, int64_t all) {
  double mean = 0, squares = 0, count = 0;
  for (int64_t i = 0; i < pieces; i++) {
    const double added = static_cast<double>(std::min(piece, all - i * piece)), off = moments[2 * i] - mean;
    squares += moments[2 * i + 1] + off * off * count * added / (count + added);
    mean += off * added / (count + added);
    count += added;
  }
  return {mean, squares / count};
}

// GroupNorm of (B, C, …), then SiLU: reads its input twice, and writes once.
static Tensor group_norm_silu(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  const bool fits = is_float_or_bfloat16(x) && x.dim() > 2 && x.is_contiguous() && groups > 0 && x.size(1) % groups == 0 && is_float_or_bfloat16(weight) &&
                    is_float_or_bfloat16(bias) && weight.sizes() == at::IntArrayRef{x.size(1)} && bias.sizes() == weight.sizes() &&
                    at::promote_types(x.scalar_type(), weight.scalar_type()) == x.scalar_type() && bias.scalar_type() == weight.scalar_type();
  if (!fits || wants_grad({&x, &weight, &bias})) return at::silu(at::group_norm(x, groups, weight, bias, eps));
  const int64_t channels = x.size(1), width = x.numel() / (x.size(0) * channels), of_group = channels / groups * width;
  const int64_t pieces = (of_group + kGrain - 1) / kGrain;
  const Tensor found = at::empty({x.size(0) * groups * pieces, 2}, x.options().dtype(at::kDouble));
  at::parallel_for(0, found.size(0), grain_of(std::min(kGrain, of_group)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = i % pieces * kGrain;
      double* to = found.data_ptr<double>() + 2 * i;
      kernels().moments({at_number(x, i / pieces * of_group + first), std::min(kGrain, of_group - first), kind_of(x), to, to + 1});
    }
  });
  const Tensor weights = weight.to(at::kFloat).contiguous(), biases = bias.to(at::kFloat).contiguous();
  Tensor y = at::empty_like(x);
  at::parallel_for(0, x.size(0) * channels, grain_of(width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t group = i / (channels / groups), channel = i % channels;
      const auto [mean, variance] = merged(found.const_data_ptr<double>() + 2 * group * pieces, pieces, kGrain, of_group);
      const double scale = weights.const_data_ptr<float>()[channel] / std::sqrt(variance + eps);
      const double shift = biases.const_data_ptr<float>()[channel] - mean * scale;
      kernels().scaled_silu({at_number(x, i * width), at_number(y, i * width), width, static_cast<float>(scale), static_cast<float>(shift), kind_of(x)});
    }
  });
  return y;
}

void define_group_norm(torch::Library& library) {
  library.def("group_norm_silu(Tensor x, int num_groups, Tensor weight, Tensor bias, *, float eps) -> Tensor", &group_norm_silu);
}

}  // namespace pixart
