// Attention in heads, by the fastest method for its length, type and direction.
#include <ATen/autocast_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <torch/library.h>

#include <cmath>

#include "attention-kernel.h"
#include "cpu.h"
#include "derivatives.h"
#include "operators.h"

namespace pixart {

using at::Tensor;

// Shapes: B batch, N queries, L keys, D width, H heads, E = D/H.

// Up to this many logits per head, libtorch's fused bfloat16 attention is slower than its parts if gradients are
// needed: its backward pass is 43 % of a training step at 16 to 64 tokens, and without it a step is 1.8 times as fast
// (EPYC with AVX512-BF16).
constexpr int64_t kMostPlainLogits = 64 * 64;

// (B, N, D) → (B, H, N, E)
static Tensor in_heads(const Tensor& x, int64_t heads) {
  return x.reshape({x.size(0), x.size(1), heads, x.size(2) / heads}).transpose(1, 2);
}

// (B, H, N, E) → (B, N, D)
static Tensor as_tokens(const Tensor& x) {
  return x.transpose(1, 2).flatten(2);
}

static bool computes_in_bfloat16(const Tensor& x) {
  if (!x.device().is_cpu()) return false;
  if (at::autocast::is_autocast_enabled(at::kCPU)) return at::autocast::get_autocast_dtype(at::kCPU) == at::kBFloat16;
  return x.scalar_type() == at::kBFloat16;
}

// libtorch's fused attention asks the processor whether it has instructions for bfloat16, and its own kernels whether
// they may use AVX-512: if ATEN_CPU_CAPABILITY forbids what the processor has, it fails.
static bool fails_in_libtorch(const Tensor& q) {
#ifdef __x86_64__
  static const bool is_forbidden = !has_avx512() && (__builtin_cpu_init(), __builtin_cpu_supports("avx512bw"));
  return is_forbidden && computes_in_bfloat16(q);
#else
  return q.defined() && false;
#endif
}

static Tensor plain(const Tensor& q, const Tensor& k, const Tensor& v, const std::optional<Tensor>& mask, double scale) {
  Tensor logits = q.matmul(k.transpose(2, 3)).to(at::kFloat).mul(scale);
  if (mask) logits = logits.add(*mask);
  return logits.softmax(-1).to(v.scalar_type()).matmul(v);
}

#ifdef __x86_64__
// Each row contiguous, tokens anywhere.
static bool is_head_rows(const Tensor& t) {
  return is_float(t) && t.stride(2) == 1;
}

// Below this, libtorch's is as fast. With AVX2 both are equal at 1,024 keys, and at 4,096 ours is 1.13 times as fast
// (Zen 3); nothing between was measured.
static int64_t fewest_block_keys() {
  return has_avx512() ? 128 : 2048;
}

static bool takes_blocks(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads) {
  return has_avx2() && is_head_rows(q) && is_head_rows(k) && is_head_rows(v) && k.sizes() == v.sizes() && k.size(0) == q.size(0) && k.size(2) == q.size(2) &&
         k.size(1) >= fewest_block_keys() && q.size(2) / heads <= kWidestHead;
}

static HeadTokens head_of(const Tensor& t, int64_t item, int64_t head, int64_t width) {
  return {t.data_ptr<float>() + item * t.stride(0) + head * width, t.stride(1), t.size(1)};
}

// Each thread takes whole heads if they divide evenly, otherwise parts of them: the numbers are the same.
static Tensor in_blocks(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads, double scale) {
  const AttentionKernel& kernel = has_avx512() ? kAvx512Attention : kAvx2Attention;
  Tensor out = at::empty(q.sizes(), q.options());
  const int64_t width = q.size(2) / heads, threads = at::get_num_threads(), all_heads = q.size(0) * heads;
  int64_t parts = 1;
  while (parts < 4 && all_heads * parts % threads != 0) parts++;
  const int64_t part = (q.size(1) + parts - 1) / parts;
  at::parallel_for(0, all_heads * parts, 1, [&](int64_t begin, int64_t end) {
    const Tensor scratch = at::empty({kernel.scratch(k.size(1), width)}, q.options());
    for (int64_t i = begin; i < end; i++) {
      const int64_t item = i / parts / heads, head = i / parts % heads, first = i % parts * part;
      kernel.attend({head_of(q, item, head, width), head_of(k, item, head, width), head_of(v, item, head, width), head_of(out, item, head, width),
                     width, first, std::min(first + part, q.size(1)), static_cast<float>(scale), scratch.data_ptr<float>()});
    }
  });
  return out;
}
#endif

static Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const std::optional<Tensor>& mask, int64_t heads, std::optional<double> given_scale) {
  TORCH_CHECK(q.dim() == 3 && k.dim() == 3 && v.dim() == 3, "Expected queries, keys and values of three dimensions but received ", q.sizes(), ", ", k.sizes(), " and ", v.sizes());
  TORCH_CHECK(heads > 0 && q.size(2) % heads == 0, "Expected a width divisible by ", heads, " heads but received ", q.size(2));
  const double scale = given_scale.value_or(1 / std::sqrt(static_cast<double>(q.size(2) / heads)));
  const bool asks = wants_grad({&q, &k, &v});
#ifdef __x86_64__
  const bool is_exact = !at::autocast::is_autocast_enabled(at::kCPU);
  if (!asks && !mask && is_exact && takes_blocks(q, k, v, heads)) return in_blocks(q, k, v, heads, scale);
#endif
  const Tensor split_q = in_heads(q, heads), split_k = in_heads(k, heads), split_v = in_heads(v, heads);
  const bool adds_mask = !mask || mask->scalar_type() != at::kBool;
  const bool is_short = uses_own_kernels && asks && computes_in_bfloat16(q) && q.size(1) * k.size(1) <= kMostPlainLogits;
  if (adds_mask && (is_short || fails_in_libtorch(q))) return as_tokens(plain(split_q, split_k, split_v, mask, scale));
  return as_tokens(at::scaled_dot_product_attention(split_q, split_k, split_v, mask, 0, false, scale));
}

void define_attention(torch::Library& library) {
  library.def("attention(Tensor q, Tensor k, Tensor v, Tensor? mask=None, *, int heads, float? scale=None) -> Tensor", &attention);
}

}  // namespace pixart
