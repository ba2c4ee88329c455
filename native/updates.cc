// What happens to all parameters after a step's gradients are there: one pass over memory for all tensors together, where libtorch
// makes one or more for each. Tensors that are not float32 and dense on the CPU go through libtorch's operators.
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <torch/library.h>

#include <cmath>

#include "operators.h"
#include "rows.h"

namespace pixart {

using at::Tensor;
using at::TensorList;

// Numbers of a piece of work: all that AdamW touches of them stays in the cache of a core.
constexpr int64_t kPieceNumbers = 16384;

// Equal layouts, so that numbers at equal places belong together.
static bool is_updatable(std::initializer_list<const Tensor*> tensors) {
  const Tensor& first = **tensors.begin();
  for (const Tensor* t : tensors) {
    if (!is_float(*t) || !t->is_non_overlapping_and_dense() || t->sizes() != first.sizes() || t->strides() != first.strides()) return false;
  }
  return true;
}

// work(i, first, count) for pieces of tensors 0 to n - 1, which have sizes(i) numbers; piece by piece, whatever the number of threads.
template <typename Size, typename Work>
static void each_piece(size_t n, const Size& size, const Work& work) {
  struct Piece {
    size_t tensor;
    int64_t first;
  };
  std::vector<Piece> pieces;
  for (size_t i = 0; i < n; i++) {
    for (int64_t first = 0; first < size(i); first += kPieceNumbers) pieces.push_back({i, first});
  }
  at::parallel_for(0, static_cast<int64_t>(pieces.size()), 2, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; p++) {
      const auto& [tensor, first] = pieces[static_cast<size_t>(p)];
      work(p, tensor, first, std::min(kPieceNumbers, size(tensor) - first));
    }
  });
}

static float* numbers(const Tensor& t, int64_t first) {
  return t.data_ptr<float>() + first;
}

// In-place operators tell autograd that what it saved has changed.
static void changed(const Tensor& t) {
  if (!t.is_inference()) t.unsafeGetTensorImpl()->bump_version();
}

static void require_lists(const char* name, std::initializer_list<size_t> lengths) {
  for (const size_t length : lengths) {
    TORCH_CHECK(length == *lengths.begin(), name, ": expected lists of equal length but received ", at::IntArrayRef(std::vector<int64_t>(lengths.begin(), lengths.end())));
  }
}

struct AdamWOptions {
  double lr, beta1, beta2, weight_decay, eps, grad_scale;
};

// libtorch's operator reads gradients in the order in which parameters lie in memory.
static void libtorch_adamw(const Tensor& parameter, const Tensor& grad, const Tensor& average, const Tensor& average_of_squares, const Tensor& step,
                           const AdamWOptions& with) {
  const Tensor laid_out = grad.strides() == parameter.strides() ? grad : at::empty_like(parameter, grad.options()).copy_(grad);
  const Tensor scaled = with.grad_scale == 1 ? laid_out : laid_out.mul(with.grad_scale);
  at::_fused_adamw_(TensorList(parameter), TensorList(scaled), TensorList(average), TensorList(average_of_squares), {}, TensorList(step), with.lr,
                    with.beta1, with.beta2, with.weight_decay, with.eps, false, false);
}

// AdamW with gradients multiplied by `grad_scale`, which stay as they are. Steps are counted first.
static void foreach_adamw_(TensorList parameters, TensorList grads, TensorList averages, TensorList averages_of_squares, TensorList steps, double lr,
                           double beta1, double beta2, double weight_decay, double eps, double grad_scale) {
  require_lists("foreach_adamw_", {parameters.size(), grads.size(), averages.size(), averages_of_squares.size(), steps.size()});
  const AdamWOptions with{lr, beta1, beta2, weight_decay, eps, grad_scale};
  std::vector<AdamWStep> jobs;
  for (size_t i = 0; i < parameters.size(); i++) {
    steps[i].add_(1);
    const bool fits = is_updatable({&parameters[i], &grads[i], &averages[i], &averages_of_squares[i]}) && steps[i].device().is_cpu();
    if (!fits) {
      libtorch_adamw(parameters[i], grads[i], averages[i], averages_of_squares[i], steps[i], with);
      continue;
    }
    const double step = steps[i].item<double>();
    jobs.push_back({numbers(parameters[i], 0), numbers(averages[i], 0), numbers(averages_of_squares[i], 0), grads[i].const_data_ptr<float>(),
                    parameters[i].numel(), static_cast<float>(grad_scale), static_cast<float>(1 - lr * weight_decay), static_cast<float>(1 - beta1),
                    static_cast<float>(beta2), static_cast<float>(1 - beta2), static_cast<float>(lr / (1 - std::pow(beta1, step))),
                    static_cast<float>(std::sqrt(1 - std::pow(beta2, step))), static_cast<float>(eps)});
    for (const Tensor* t : {&parameters[i], &averages[i], &averages_of_squares[i]}) changed(*t);
  }
  each_piece(jobs.size(), [&](size_t i) { return jobs[i].count; }, [&](int64_t, size_t i, int64_t first, int64_t count) {
    AdamWStep job = jobs[i];
    job.parameter += first;
    job.average += first;
    job.average_of_squares += first;
    job.grad += first;
    job.count = count;
    kernels().adamw_step(job);
  });
}

// start += weight (end - start)
static void foreach_lerp_(TensorList starts, TensorList ends, double weight) {
  require_lists("foreach_lerp_", {starts.size(), ends.size()});
  std::vector<size_t> own;
  for (size_t i = 0; i < starts.size(); i++) {
    if (is_updatable({&starts[i], &ends[i]})) {
      own.push_back(i);
      changed(starts[i]);
    } else {
      at::_foreach_lerp_(TensorList(starts[i]), TensorList(ends[i]), weight);
    }
  }
  each_piece(own.size(), [&](size_t i) { return starts[own[i]].numel(); }, [&](int64_t, size_t i, int64_t first, int64_t count) {
    kernels().lerp({numbers(starts[own[i]], first), ends[own[i]].const_data_ptr<float>() + first, count, static_cast<float>(weight)});
  });
}

// The L2 norm of all numbers of all tensors.
static Tensor total_norm(TensorList tensors) {
  for (const Tensor& t : tensors) {
    if (!is_updatable({&t})) return at::linalg_vector_norm(at::stack(at::_foreach_norm(tensors, 2)), 2);
  }
  std::vector<double> sums;
  size_t pieces = 0;
  for (const Tensor& t : tensors) pieces += static_cast<size_t>((t.numel() + kPieceNumbers - 1) / kPieceNumbers);
  sums.resize(pieces);
  each_piece(tensors.size(), [&](size_t i) { return tensors[i].numel(); }, [&](int64_t piece, size_t i, int64_t first, int64_t count) {
    kernels().squares({tensors[i].const_data_ptr<float>() + first, count, &sums[static_cast<size_t>(piece)]});
  });
  double all = 0;
  for (const double sum : sums) all += sum;
  return at::scalar_tensor(std::sqrt(all), at::kFloat);
}

void define_updates(torch::Library& library) {
  library.def(
      "foreach_adamw_(Tensor(a!)[] self, Tensor[] grads, Tensor(b!)[] exp_avgs, Tensor(c!)[] exp_avg_sqs, Tensor(d!)[] state_steps, *, float lr, "
      "float beta1, float beta2, float weight_decay, float eps, float grad_scale) -> ()",
      &foreach_adamw_);
  library.def("foreach_lerp_(Tensor(a!)[] self, Tensor[] ends, float weight) -> ()", &foreach_lerp_);
  library.def("total_norm(Tensor[] self) -> Tensor", &total_norm);
}

}  // namespace pixart
