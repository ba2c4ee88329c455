// Updates of all parameters after a step's gradients are ready: one pass over memory for all tensors together, where
// libtorch makes one or more for each. Tensors that are not float32 and dense on the CPU, or are tracked by autograd,
// go through libtorch's operators.
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_foreach_lerp.h>
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>
#include <torch/library.h>

#include <cmath>

#include "operators.h"
#include "rows.h"

namespace pixart {

using at::Tensor;
using at::TensorList;

// Elements per piece of work: everything that AdamW touches for them stays in the cache of a core.
constexpr int64_t kPieceNumbers = 16384;

// float32, dense on the CPU and laid out alike, so that elements at equal positions correspond.
static bool are_alike(std::initializer_list<const Tensor*> tensors) {
  const Tensor& first = **tensors.begin();
  for (const Tensor* t : tensors) {
    if (!is_float(*t) || !t->is_non_overlapping_and_dense() || t->sizes() != first.sizes() || t->strides() != first.strides()) return false;
  }
  return true;
}

// Whether autograd has to record something, which is left to libtorch's operators.
static bool is_tracked(std::initializer_list<TensorList> lists) {
  if (!c10::GradMode::is_enabled()) return false;
  for (const TensorList list : lists) {
    for (const Tensor& t : list) {
      if (t.requires_grad()) return true;
    }
  }
  return false;
}

// work(piece, tensor, first, count) for pieces of tensors 0 to n - 1, which have size(tensor) elements; in the same
// pieces for any number of threads.
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

// In-place operators notify autograd that what it saved has changed.
static void changed(const Tensor& t) {
  if (!t.is_inference()) t.unsafeGetTensorImpl()->bump_version();
}

static void require_lists(const char* name, std::initializer_list<size_t> lengths) {
  for (const size_t length : lengths) {
    TORCH_CHECK(length == *lengths.begin(), name, ": expected lists of equal length but received ", at::IntArrayRef(std::vector<int64_t>(lengths.begin(), lengths.end())));
  }
}

// AdamW with gradients multiplied by `grad_scale`, which are not modified. Steps are counted first.
static void foreach_adamw_(TensorList parameters, TensorList grads, TensorList averages, TensorList averages_of_squares, TensorList steps, double lr,
                           double beta1, double beta2, double weight_decay, double eps, double grad_scale) {
  require_lists("foreach_adamw_", {parameters.size(), grads.size(), averages.size(), averages_of_squares.size(), steps.size()});
  if (parameters.empty()) return;
  at::_foreach_add_(steps, 1);
  const bool tracked = is_tracked({parameters, grads, averages, averages_of_squares});
  std::vector<AdamWStep> jobs;
  std::vector<Tensor> others[5];  // updated by libtorch
  for (size_t i = 0; i < parameters.size(); i++) {
    const Tensor &parameter = parameters[i], &grad = grads[i], &average = averages[i], &squares = averages_of_squares[i], &step = steps[i];
    if (!tracked && are_alike({&parameter, &grad, &average, &squares}) && step.device().is_cpu()) {
      const double count = step.item<double>();
      jobs.push_back({numbers(parameter, 0), numbers(average, 0), numbers(squares, 0), grad.const_data_ptr<float>(), parameter.numel(),
                      static_cast<float>(grad_scale), static_cast<float>(1 - lr * weight_decay), static_cast<float>(1 - beta1),
                      static_cast<float>(beta2), static_cast<float>(1 - beta2), static_cast<float>(lr / (1 - std::pow(beta1, count))),
                      static_cast<float>(std::sqrt(1 - std::pow(beta2, count))), static_cast<float>(eps)});
      for (const Tensor* t : {&parameter, &average, &squares}) changed(*t);
      continue;
    }
    // libtorch's operator reads gradients in the memory order of the parameters.
    const Tensor laid_out = grad.strides() == parameter.strides() ? grad : at::empty_like(parameter, grad.options()).copy_(grad);
    size_t list = 0;
    for (const Tensor& t : {parameter, laid_out, average, squares, step}) others[list++].push_back(t);
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
  if (others[0].empty()) return;
  if (grad_scale != 1) others[1] = at::_foreach_mul(others[1], grad_scale);
  at::_fused_adamw_(others[0], others[1], others[2], others[3], {}, others[4], lr, beta1, beta2, weight_decay, eps, false, false);
}

// start += weight (end - start)
static void foreach_lerp_(TensorList starts, TensorList ends, double weight) {
  require_lists("foreach_lerp_", {starts.size(), ends.size()});
  const bool tracked = is_tracked({starts, ends});
  std::vector<size_t> own;
  std::vector<Tensor> other_starts, other_ends;
  for (size_t i = 0; i < starts.size(); i++) {
    if (!tracked && are_alike({&starts[i], &ends[i]})) {
      own.push_back(i);
      changed(starts[i]);
    } else {
      other_starts.push_back(starts[i]);
      other_ends.push_back(ends[i]);
    }
  }
  each_piece(own.size(), [&](size_t i) { return starts[own[i]].numel(); }, [&](int64_t, size_t i, int64_t first, int64_t count) {
    kernels().lerp({numbers(starts[own[i]], first), ends[own[i]].const_data_ptr<float>() + first, count, static_cast<float>(weight)});
  });
  if (!other_starts.empty()) at::_foreach_lerp_(other_starts, other_ends, weight);
}

// The L2 norm over all elements of all tensors.
static Tensor total_norm(TensorList tensors) {
  bool are_ours = !is_tracked({tensors});
  for (const Tensor& t : tensors) are_ours = are_ours && are_alike({&t});
  if (!are_ours && !tensors.empty()) return at::linalg_vector_norm(at::stack(at::_foreach_norm(tensors, 2)), 2);
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
