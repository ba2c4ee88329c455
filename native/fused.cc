// Operators of this project: steps of a transformer block that take libtorch several passes over memory, fused into
// one. If one can't be fused, on other devices or in other types and shapes, it is the composition of libtorch's own
// operators (`plain`).
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include "derivatives.h"
#include "operators.h"
#include "rows.h"

namespace pixart {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Shapes: B batch, N tokens, D width.

// (B, N, D)
static bool is_tokens(const Tensor& t) {
  return is_float_or_bfloat16(t) && t.dim() == 3;
}

// Whether `row` is a (B or 1, 1, D) to combine with tokens.
static bool is_row_of(const Tensor& row, const Tensor& tokens) {
  return is_float_or_bfloat16(row) && row.dim() == 3 && row.size(1) == 1 && row.size(2) == tokens.size(2) &&
         (row.size(0) == tokens.size(0) || row.size(0) == 1);
}

// Rows of (B or 1, 1, D) as float32, one per batch item.
struct Rows {
  Tensor values;
  int64_t stride;

  explicit Rows(const Tensor& row) : values(row.scalar_type() == at::kFloat && row.stride(2) == 1 ? row : row.to(at::kFloat).contiguous()) {
    stride = row.size(0) == 1 ? 0 : values.stride(0);
  }
  const float* of(int64_t item) const {
    return values.const_data_ptr<float>() + item * stride;
  }
};

// Number of rows in one piece of work. Sums over rows are computed per piece, so that they don't depend on the number
// of threads.
constexpr int64_t kPieceRows = 32;

struct Pieces {
  int64_t tokens, of_item, count, grain;

  explicit Pieces(const Tensor& x)
      : tokens(x.size(1)), of_item((tokens + kPieceRows - 1) / kPieceRows), count(x.size(0) * of_item),
        grain(grain_of(std::min(tokens, kPieceRows) * x.size(2))) {}

  // work(piece, batch item, index of the first row, number of rows)
  template <typename Work>
  void each(const Work& work) const {
    at::parallel_for(0, count, grain, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; piece++) {
        const int64_t item = piece / of_item, first = piece % of_item * kPieceRows;
        work(piece, item, item * tokens + first, std::min(kPieceRows, tokens - first));
      }
    });
  }

  // Sums of pieces (count, k, D) → totals, shaped and typed like `row`, which was broadcast over them.
  Tensor total(const Tensor& sums, int64_t which, const Tensor& row) const {
    const Tensor all = sums.select(1, which).reshape({-1, of_item, row.size(2)}).sum(1, true);  // (B, 1, D)
    return (row.size(0) == 1 ? all.sum(0, true) : all).to(row.scalar_type());
  }
};

static char* at_row(const Tensor& t, int64_t row) {
  return at_number(t, row * t.size(-1));
}

static at::ScalarType result_type(const Tensor& a, const Tensor& b, const Tensor& c) {
  return at::promote_types(a.scalar_type(), at::promote_types(b.scalar_type(), c.scalar_type()));
}

// LayerNorm without weights, then scale and shift, as in adaLN.
struct ModulatedNormFunction : torch::autograd::Function<ModulatedNormFunction> {
  static Tensor plain(const Tensor& x, const Tensor& shift, const Tensor& scale, double eps) {
    return at::layer_norm(x, {x.size(-1)}, {}, {}, eps).mul(scale.add(1)).add(shift);
  }

  // `stats` is (B, N, 2), or undefined.
  static Tensor compute(const Tensor& x, const Tensor& shift, const Tensor& scale, double eps, const Tensor& stats) {
    Tensor y = at::empty(x.sizes(), x.options().dtype(result_type(x, shift, scale)));
    const Rows scales(scale), shifts(shift);
    Pieces(x).each([&](int64_t, int64_t item, int64_t row, int64_t rows) {
      kernels().modulated_norm({at_row(x, row), scales.of(item), shifts.of(item), at_row(y, row),
                                stats.defined() ? stats.data_ptr<float>() + 2 * row : nullptr, rows, x.size(2),
                                static_cast<float>(eps), kind_of(x), kind_of(y)});
    });
    return y;
  }

  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& shift, const Tensor& scale, double eps) {
    const Tensor stats = at::empty({x.size(0), x.size(1), 2}, x.options().dtype(at::kFloat));
    ctx->save_for_backward({x, shift, scale});
    ctx->saved_data["stats"] = stats;
    ctx->saved_data["eps"] = eps;
    return compute(x, shift, scale, eps, stats);
  }

  static tensor_list backward(AutogradContext* ctx, tensor_list grads) {
    const double eps = ctx->saved_data["eps"].toDouble();
    if (c10::GradMode::is_enabled()) {
      auto out = again(ctx, grads[0], [eps](const auto& in) { return plain(in[0], in[1], in[2], eps); });
      out.emplace_back();
      return out;
    }
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &shift = saved[1], &scale = saved[2];
    const Tensor stats = ctx->saved_data["stats"].toTensor(), grad = grads[0].contiguous();
    const Pieces pieces(x);
    Tensor grad_x = at::empty_like(x);
    const Tensor sums = at::zeros({pieces.count, 2, x.size(2)}, stats.options());
    const Rows scales(scale);
    pieces.each([&](int64_t piece, int64_t item, int64_t row, int64_t rows) {
      float* sum = sums.data_ptr<float>() + piece * 2 * x.size(2);
      kernels().modulated_norm_grad({at_row(grad, row), at_row(x, row), stats.const_data_ptr<float>() + 2 * row, scales.of(item),
                                     at_row(grad_x, row), sum, sum + x.size(2), rows, x.size(2), kind_of(grad), kind_of(x)});
    });
    return {grad_x, pieces.total(sums, 1, shift), pieces.total(sums, 0, scale), Tensor()};
  }
};

static Tensor modulated_norm(const Tensor& x, const Tensor& shift, const Tensor& scale, double eps) {
  if (!is_tokens(x) || !is_row_of(shift, x) || !is_row_of(scale, x)) return ModulatedNormFunction::plain(x, shift, scale, eps);
  if (wants_grad({&x, &shift, &scale})) return ModulatedNormFunction::apply(x.contiguous(), shift, scale, eps);
  return ModulatedNormFunction::compute(x.contiguous(), shift, scale, eps, Tensor());
}

// A residual with a gate per channel on the new part.
struct GatedResidualFunction : torch::autograd::Function<GatedResidualFunction> {
  static Tensor plain(const Tensor& x, const Tensor& gate, const Tensor& z) {
    return x.add(gate.mul(z));
  }

  static Tensor compute(const Tensor& x, const Tensor& gate, const Tensor& z) {
    Tensor y = at::empty(x.sizes(), x.options().dtype(result_type(x, gate, z)));
    const Rows gates(gate);
    Pieces(x).each([&](int64_t, int64_t item, int64_t row, int64_t rows) {
      kernels().gated_residual({at_row(x, row), gates.of(item), at_row(z, row), at_row(y, row), rows, x.size(2), kind_of(x), kind_of(z), kind_of(y)});
    });
    return y;
  }

  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& gate, const Tensor& z) {
    ctx->save_for_backward({gate, z});
    ctx->saved_data["type"] = x.scalar_type();
    return compute(x, gate, z);
  }

  static tensor_list backward(AutogradContext* ctx, tensor_list grads) {
    const auto type = ctx->saved_data["type"].toScalarType();
    const Tensor grad = grads[0].contiguous(), grad_x = grad.to(type);
    if (c10::GradMode::is_enabled()) {
      auto out = again(ctx, grads[0], [](const auto& in) { return in[0].mul(in[1]); });
      out.insert(out.begin(), grad_x);
      return out;
    }
    const auto saved = ctx->get_saved_variables();
    const Tensor &gate = saved[0], &z = saved[1];
    const Pieces pieces(z);
    Tensor grad_z = at::empty_like(z);
    const Tensor sums = at::zeros({pieces.count, 1, z.size(2)}, z.options().dtype(at::kFloat));
    const Rows gates(gate);
    pieces.each([&](int64_t piece, int64_t item, int64_t row, int64_t rows) {
      kernels().gated_residual_grad({at_row(grad, row), gates.of(item), at_row(z, row), at_row(grad_z, row),
                                     sums.data_ptr<float>() + piece * z.size(2), rows, z.size(2), kind_of(grad), kind_of(z)});
    });
    return {grad_x, pieces.total(sums, 0, gate), grad_z};
  }
};

static Tensor gated_residual(const Tensor& x, const Tensor& gate, const Tensor& z) {
  if (!is_tokens(x) || !is_tokens(z) || x.sizes() != z.sizes() || !is_row_of(gate, x)) return GatedResidualFunction::plain(x, gate, z);
  if (wants_grad({&x, &gate, &z})) return GatedResidualFunction::apply(x.contiguous(), gate, z.contiguous());
  return GatedResidualFunction::compute(x.contiguous(), gate, z.contiguous());
}

// T5's norm: computed in float32, returned in the type of the weight.
static Tensor rms_norm(const Tensor& x, const Tensor& weight, double eps) {
  const bool fits = is_float_or_bfloat16(x) && x.dim() > 0 && x.is_contiguous() && is_float_or_bfloat16(weight) && weight.dim() == 1 &&
                    weight.size(0) == x.size(-1);
  if (!fits || wants_grad({&x, &weight})) {
    const Tensor wide = x.to(at::kFloat);
    return wide.mul(wide.square().mean(-1, true).add(eps).rsqrt()).to(weight.scalar_type()).mul(weight);
  }
  Tensor y = at::empty(x.sizes(), x.options().dtype(weight.scalar_type()));
  const Tensor weights = weight.to(at::kFloat).contiguous();
  at::parallel_for(0, x.numel() / x.size(-1), grain_of(x.size(-1)), [&](int64_t begin, int64_t end) {
    kernels().rms_norm({at_row(x, begin), weights.const_data_ptr<float>(), at_row(y, begin), end - begin, x.size(-1),
                        static_cast<float>(eps), kind_of(x), kind_of(y)});
  });
  return y;
}

static bool is_dense(const Tensor& t) {
  return is_float_or_bfloat16(t) && t.is_non_overlapping_and_dense();
}

// GELU in its tanh form.
struct GeluFunction : torch::autograd::Function<GeluFunction> {
  static Tensor compute(const Tensor& x) {
    Tensor y = at::empty_like(x);
    at::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
      kernels().gelu({at_number(x, begin), at_number(y, begin), end - begin, kind_of(x)});
    });
    return y;
  }

  static Tensor forward(AutogradContext* ctx, const Tensor& x) {
    ctx->save_for_backward({x});
    return compute(x);
  }

  static tensor_list backward(AutogradContext* ctx, tensor_list grads) {
    if (c10::GradMode::is_enabled()) return again(ctx, grads[0], [](const auto& in) { return at::gelu(in[0], "tanh"); });
    const Tensor x = ctx->get_saved_variables()[0];
    Tensor grad_x = at::empty_like(x), grad = grads[0];
    if (grad.strides() != x.strides()) grad = at::empty_like(x).copy_(grad);
    at::parallel_for(0, x.numel(), kGrain, [&](int64_t begin, int64_t end) {
      kernels().gelu_grad({at_number(grad, begin), at_number(x, begin), at_number(grad_x, begin), end - begin, kind_of(x)});
    });
    return {grad_x};
  }
};

static Tensor gelu(const Tensor& self, c10::string_view approximate) {
  if (approximate != "tanh" || !is_dense(self)) return at::gelu(self, approximate);
  return wants_grad({&self}) ? GeluFunction::apply(self) : GeluFunction::compute(self);
}

void define_fused(torch::Library& library) {
  library.def("modulated_norm(Tensor x, Tensor shift, Tensor scale, *, float eps) -> Tensor", &modulated_norm);
  library.def("gated_residual(Tensor x, Tensor gate, Tensor z) -> Tensor", &gated_residual);
  library.def("rms_norm(Tensor x, Tensor weight, *, float eps) -> Tensor", &rms_norm);
  library.def("gelu(Tensor self, *, str approximate='none') -> Tensor", &gelu);
}

}  // namespace pixart
