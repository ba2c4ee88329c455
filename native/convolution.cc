// Convolutions. Those of 3 x 3 use fewer products where that was measured to be faster.
#include <ATen/autocast_mode.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>

#include "cpu.h"
#include "derivatives.h"
#include "operators.h"
#include "winograd-kernel.h"

namespace pixart {

using at::Tensor;

#ifdef __x86_64__
static bool is_one(at::IntArrayRef values) {
  return values == at::IntArrayRef{1} || values == at::IntArrayRef{1, 1};
}

static bool is_dense_float(const Tensor& t) {
  return is_float(t) && t.is_contiguous();
}

// Fewer channels leave too little to multiply compared to the transforms, and fewer pixels too little compared to those
// of the filters. Above, it is 1.4 to 1.9 times as fast as oneDNN's direct convolution (64 to 512 channels, 64 to 512
// pixels a side; Xeon with AMX, and EPYC of Zen 3 with AVX2).
constexpr int64_t kFewestChannels = 32, kFewestPixels = 48 * 48;

static bool fits_winograd(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  if (!has_avx2() || !is_dense_float(x) || !is_dense_float(weight) || (bias && !is_dense_float(*bias))) return false;
  return x.dim() == 4 && weight.dim() == 4 && weight.size(2) == 3 && weight.size(3) == 3 && weight.size(1) == x.size(1) && x.size(2) * x.size(3) >= kFewestPixels &&
         weight.size(0) >= kFewestChannels && weight.size(1) >= kFewestChannels && (!bias || bias->sizes() == at::IntArrayRef{weight.size(0)});
}

// The work of one thread at a time, in tiles and in numbers: most of it stays in the cache.
constexpr int64_t kBlockTiles = 128, kBlockNumbers = 1 << 20;

static Tensor by_winograd(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  const WinogradKernel& kernel = has_avx512() ? kAvx512Winograd : kAvx2Winograd;
  const int64_t inputs = weight.size(1), outputs = weight.size(0), batch = x.size(0);
  Tensor filters = at::empty({kernel.filter_numbers(inputs, outputs)}, x.options());
  at::parallel_for(0, filters.numel() / inputs / 16, 16, [&](int64_t begin, int64_t end) {
    kernel.filters(weight.const_data_ptr<float>(), inputs, outputs, begin, end, filters.data_ptr<float>());
  });
  Tensor y = at::empty({batch, outputs, x.size(2), x.size(3)}, x.options());
  const auto layer = [&](int64_t item) {
    return WinogradLayer{x.const_data_ptr<float>() + item * x.stride(0), filters.const_data_ptr<float>(),
                         bias ? bias->const_data_ptr<float>() : nullptr, y.data_ptr<float>() + item * y.stride(0),
                         inputs, outputs, x.size(2), x.size(3)};
  };
  // Small pictures are divided among the threads in smaller blocks.
  const int64_t groups = kernel.groups(layer(0)), threads = at::get_num_threads();
  const int64_t most = std::min(kBlockTiles / kernel.tiles, kBlockNumbers / kernel.scratch(layer(0), 2) * 2);
  const int64_t block = std::clamp<int64_t>(batch * groups / (2 * threads), 2, std::max<int64_t>(2, most));
  const int64_t blocks = (groups + block - 1) / block;
  at::parallel_for(0, batch * blocks, 1, [&](int64_t begin, int64_t end) {
    const Tensor scratch = at::empty({kernel.scratch(layer(0), block)}, x.options());
    for (int64_t i = begin; i < end; i++) {
      const int64_t first = i % blocks * block;
      kernel.convolve(layer(i / blocks), first, std::min(first + block, groups), scratch.data_ptr<float>());
    }
  });
  return y;
}
#endif

static Tensor conv2d(const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias, at::IntArrayRef stride, at::IntArrayRef padding,
                     at::IntArrayRef dilation, int64_t groups) {
#ifdef __x86_64__
  const bool is_plain = groups == 1 && is_one(stride) && is_one(padding) && is_one(dilation) && !at::autocast::is_autocast_enabled(at::kCPU);
  if (is_plain && fits_winograd(input, weight, bias) && !wants_grad({&input, &weight, bias ? &*bias : &weight})) return by_winograd(input, weight, bias);
#endif
  return at::conv2d(input, weight, bias, stride, padding, dilation, groups);
}

void define_convolution(torch::Library& library) {
  library.def("conv2d(Tensor input, Tensor weight, Tensor? bias=None, int[2] stride=1, int[2] padding=0, int[2] dilation=1, int groups=1) -> Tensor", &conv2d);
}

}  // namespace pixart
