// Chooses which of libtorch's libraries multiplies in a layer, by processor, type and shape.
#include "products.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <torch/library.h>

#include <cstdlib>
#include <optional>
#include <vector>

#include "cpu.h"
#include "derivatives.h"
#include "operators.h"

namespace pixart {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Shapes: M rows, K inputs, N outputs; x (…, K), weight (N, K), bias (N).

enum class Maker { kAny, kIntel, kAmd };
enum class Level { kAvx2, kAvx512 };  // no more than AVX2, or AVX-512

// oneDNN multiplies within a range of row counts, if the weight has at least a number of elements; otherwise libtorch's
// own choice (MKL for float32).
struct Rule {
  Maker maker;
  Level level;
  at::ScalarType type;
  bool backward;
  int64_t least_rows, most_rows, least_numbers;
};

constexpr int64_t kAnyRows = int64_t{1} << 62;

// What is not listed was slower (on Zen 3 gradients are, down to 0.14) or not measured. The comments give oneDNN's speed
// relative to libtorch's choice, and the processor.
constexpr Rule kRules[] = {
    {Maker::kAmd, Level::kAvx512, at::kFloat, false, 8, kAnyRows, 0},              // 2.1 to 2.6, on 17 rows of T5 4.0; Zen 5
    {Maker::kAmd, Level::kAvx512, at::kFloat, true, 64, kAnyRows, 0},              // 1.6 to 1.95, on 17 rows of T5 below 1; Zen 5
    {Maker::kAmd, Level::kAvx2, at::kFloat, false, 1, 48, int64_t{1} << 22},       // 1.15 to 3.2, once 0.97; Zen 3
    {Maker::kAmd, Level::kAvx2, at::kFloat, false, 49, 256, int64_t{1} << 25},     // 1.25 to 1.57; Zen 3
    {Maker::kIntel, Level::kAvx512, at::kFloat, false, 8, 256, int64_t{1} << 24},  // 1.24 to 1.30 on 17 rows, 1.09 on 120; Xeon with AMX
    {Maker::kAny, Level::kAvx512, at::kBFloat16, false, 2, kAnyRows, 0},           // 1.02 to 1.44, 0.92 on 17 rows of 4096 x 4096; Xeon with AMX
};

static Maker maker() {
#ifdef __x86_64__
  __builtin_cpu_init();
  if (__builtin_cpu_is("intel")) return Maker::kIntel;
  if (__builtin_cpu_is("amd")) return Maker::kAmd;
#endif
  return Maker::kAny;
}

using LinearPointwise = Tensor(const Tensor&, const Tensor&, const std::optional<Tensor>&, c10::string_view,
                               c10::List<std::optional<at::Scalar>>, std::optional<c10::string_view>);

using Onednn = c10::TypedOperatorHandle<LinearPointwise>;

static Tensor by_onednn(const Onednn& onednn, const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  return onednn.call(x, weight, bias, "none", c10::List<std::optional<at::Scalar>>(), "");
}

// Whether oneDNN has a product of this type for this processor: for bfloat16 it has none if ONEDNN_MAX_CPU_ISA forbids
// AVX-512.
static bool has_product(const Onednn& onednn, at::ScalarType type) {
  const c10::impl::ExcludeDispatchKeyGuard plain(c10::DispatchKey::AutocastCPU);
  const c10::AutoGradMode without(false);
  const Tensor ones = at::ones({8, 8}, type);
  try {
    by_onednn(onednn, ones, ones, {});
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

// The library and the rules by which this process multiplies.
struct Choice {
  std::vector<Rule> rules;
  std::optional<Onednn> onednn;  // builds of libtorch without oneDNN lack it

  Choice() {
    const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
    if (!found) return;
    onednn = found->typed<LinearPointwise>();
    const char* wanted = std::getenv("PIXART_PRODUCTS");
    const std::string forced = wanted ? wanted : "";
    if (forced != "" && forced != "onednn" && forced != "default") {
      throw std::invalid_argument("Expected \"onednn\" or \"default\" for PIXART_PRODUCTS but received \"" + forced + "\"");
    }
    if (forced == "onednn") {
      for (const auto type : {at::kFloat, at::kBFloat16}) {
        for (const bool backward : {false, true}) rules.push_back({Maker::kAny, Level::kAvx2, type, backward, 1, kAnyRows, 0});
      }
    } else if (forced != "default" && has_avx2()) {
      const Level level = has_avx512() ? Level::kAvx512 : Level::kAvx2;
      for (const Rule& rule : kRules) {
        if (rule.level == level && (rule.maker == Maker::kAny || rule.maker == maker())) rules.push_back(rule);
      }
    }
    for (const auto type : {at::kFloat, at::kBFloat16}) {
      if (!has_product(*onednn, type)) std::erase_if(rules, [type](const Rule& rule) { return rule.type == type; });
    }
  }

  bool takes_onednn(at::ScalarType type, bool backward, int64_t rows, int64_t numbers) const {
    for (const Rule& rule : rules) {
      if (rule.type == type && rule.backward == backward && rows >= rule.least_rows && rows <= rule.most_rows && numbers >= rule.least_numbers) return true;
    }
    return false;
  }
};

static const Choice& choice() {
  static const Choice made;
  return made;
}

std::string describe_products() {
  std::string out;
  for (const Rule& rule : choice().rules) {
    out += std::string(out.empty() ? "" : "; ") + "oneDNN for " + (rule.type == at::kFloat ? "float32" : "bfloat16") + (rule.backward ? " gradients" : "") +
           " from " + std::to_string(rule.least_rows) + (rule.most_rows == kAnyRows ? "" : " to " + std::to_string(rule.most_rows)) + " rows" +
           (rule.least_numbers == 0 ? "" : " and " + std::to_string(rule.least_numbers) + " weights");
  }
  if (out.empty()) return "libtorch's own choice";
  return out + "; else libtorch's own choice";
}

static Tensor by_onednn(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  return by_onednn(*choice().onednn, x, weight, bias);
}

// Matrix product of a and b.
static Tensor backward_product(const Tensor& a, const Tensor& b, bool onednn) {
  return onednn ? by_onednn(a.contiguous(), b.t().contiguous(), {}) : a.matmul(b);
}

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias, bool onednn) {
    ctx->save_for_backward({x, weight, bias.value_or(Tensor())});
    return onednn ? by_onednn(x, weight, bias) : at::linear(x, weight, bias);
  }

  static tensor_list backward(AutogradContext* ctx, tensor_list grads) {
    if (c10::GradMode::is_enabled()) {
      auto out = again(ctx, grads[0], [](const auto& in) {
        return at::linear(in[0], in[1], in[2].defined() ? std::optional(in[2]) : std::nullopt);
      });
      out.emplace_back();
      return out;
    }
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1];
    const Tensor grad = grads[0].reshape({-1, weight.size(0)});
    const bool onednn = choice().takes_onednn(x.scalar_type(), true, grad.size(0), weight.numel());
    tensor_list out(4);
    if (ctx->needs_input_grad(0)) out[0] = backward_product(grad, weight, onednn).view(x.sizes());
    if (ctx->needs_input_grad(1)) out[1] = backward_product(grad.t(), x.reshape({-1, weight.size(1)}), onednn);
    if (saved[2].defined() && ctx->needs_input_grad(2)) out[2] = grad.sum(0);
    return out;
  }
};

// Whether oneDNN may be used at all: all float32 or all bfloat16 on the CPU, with shapes that libtorch would accept.
static bool is_plain(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  const auto fits = [&x](const Tensor& t) { return t.device().is_cpu() && t.layout() == at::kStrided && t.scalar_type() == x.scalar_type(); };
  if (x.scalar_type() != at::kFloat && x.scalar_type() != at::kBFloat16) return false;
  if (!weight.is_contiguous() && !(weight.dim() == 2 && weight.t().is_contiguous())) return false;
  if (!fits(x) || !fits(weight) || x.dim() < 2 || weight.dim() != 2 || x.size(-1) != weight.size(1) || x.numel() == 0 || weight.numel() == 0) return false;
  return !bias || (fits(*bias) && bias->dim() == 1 && bias->size(0) == weight.size(0));
}

static Tensor linear(const Tensor& given_x, const Tensor& given_weight, const std::optional<Tensor>& given_bias) {
  Tensor x = given_x, weight = given_weight;
  std::optional<Tensor> bias = given_bias;
  if (!uses_own_kernels || choice().rules.empty() || !x.device().is_cpu()) return at::linear(x, weight, bias);
  if (at::autocast::is_autocast_enabled(at::kCPU)) {
    const auto type = at::autocast::get_autocast_dtype(at::kCPU);
    x = at::autocast::cached_cast(type, x, at::kCPU);
    weight = at::autocast::cached_cast(type, weight, at::kCPU);
    if (bias) bias = at::autocast::cached_cast(type, *bias, at::kCPU);
  }
  if (!is_plain(x, weight, bias)) return at::linear(x, weight, bias);
  const int64_t rows = x.numel() / x.size(-1);
  const bool asks = wants_grad({&x, &weight, bias ? &*bias : &x});
  const bool fast = choice().takes_onednn(x.scalar_type(), false, rows, weight.numel());
  if (!fast && !(asks && choice().takes_onednn(x.scalar_type(), true, rows, weight.numel()))) return at::linear(x, weight, bias);
  c10::impl::ExcludeDispatchKeyGuard plain(c10::DispatchKey::AutocastCPU);
  if (asks) return LinearFunction::apply(x, weight, bias, fast);
  return by_onednn(x, weight, bias);
}

void define_products(torch::Library& library) {
  library.def("linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor", &linear);
}

}  // namespace pixart
