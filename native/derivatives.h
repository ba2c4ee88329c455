// For operators with derivatives of their own.
#pragma once

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace pixart {

inline bool wants_grad(std::initializer_list<const at::Tensor*> inputs) {
  if (!c10::GradMode::is_enabled()) return false;
  for (const at::Tensor* input : inputs) {
    if (input->defined() && input->requires_grad()) return true;
  }
  return false;
}

// Gradients that can be differentiated once more: those of the composition `plain` of libtorch's operators, for the saved inputs.
template <typename Plain>
torch::autograd::tensor_list again(const torch::autograd::AutogradContext* ctx, const at::Tensor& grad, const Plain& plain) {
  const auto saved = ctx->get_saved_variables();
  torch::autograd::tensor_list inputs, out;
  for (const auto& input : saved) {
    if (input.defined() && input.requires_grad()) inputs.push_back(input);
  }
  const auto found = torch::autograd::grad({plain(saved)}, inputs, {grad}, true, true);
  size_t next = 0;
  for (const auto& input : saved) out.push_back(input.defined() && input.requires_grad() ? found[next++] : at::Tensor());
  return out;
}

}  // namespace pixart
