// For operators with their own derivatives.
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

// Gradients that can be differentiated once more: those of the composition `plain` of libtorch's operators, for the
// saved inputs. It gets aliases of them, because their own history, which one may share with another, is left to the
// outer pass.
template <typename Plain>
torch::autograd::tensor_list again(const torch::autograd::AutogradContext* ctx, const at::Tensor& grad, const Plain& plain) {
  auto saved = ctx->get_saved_variables();
  torch::autograd::tensor_list inputs, out(saved.size());
  for (auto& input : saved) {
    if (!input.defined() || !input.requires_grad()) continue;
    input = input.view_as(input);
    inputs.push_back(input);
  }
  if (inputs.empty()) return out;
  const auto found = torch::autograd::grad({plain(saved)}, inputs, {grad}, true, true);
  size_t next = 0;
  for (size_t i = 0; i < saved.size(); i++) {
    if (saved[i].defined() && saved[i].requires_grad()) out[i] = found[next++];
  }
  return out;
}

}  // namespace pixart
