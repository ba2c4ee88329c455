// Gradients: the engine's own backward and grad, leaf flags, grad mode, autocast.
#include "autograd.h"

#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "tensor.h"

namespace pixart {

static napi_value boolean(napi_env env, bool value) {
  napi_value out;
  check(env, napi_get_boolean(env, value, &out));
  return out;
}

static napi_value RequiresGrad(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  return boolean(env, tensor_of(env, args[0], "tensor").requires_grad());
}

static napi_value SetRequiresGrad(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  tensor_of(env, args[0], "tensor").set_requires_grad(to_bool(env, args[1], "requiresGrad"));
  return nullptr;
}

static napi_value IsLeaf(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  return boolean(env, tensor_of(env, args[0], "tensor").is_leaf());
}

static napi_value Grad(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  return wrap(env, state_of(env), tensor_of(env, args[0], "tensor").grad());
}

static napi_value SetGrad(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const at::Tensor& t = tensor_of(env, args[0], "tensor");
  t.mutable_grad() = is_nullish(env, args[1]) ? at::Tensor() : tensor_of(env, args[1], "grad");
  return nullptr;
}

static std::vector<at::Tensor> optional_tensors(napi_env env, napi_value value, const char* name) {
  return is_nullish(env, value) ? std::vector<at::Tensor>() : tensors_of(env, value, name);
}

// (tensors, gradients?, retainGraph, createGraph): adds into the leaves' grad.
static napi_value Backward(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  torch::autograd::backward(tensors_of(env, args[0], "tensors"), optional_tensors(env, args[1], "gradients"),
                            to_bool(env, args[2], "retainGraph"), to_bool(env, args[3], "createGraph"));
  return nullptr;
}

// (outputs, inputs, gradients?, retainGraph, createGraph, allowUnused) → one gradient per input, null if unused.
static napi_value Gradients(napi_env env, napi_callback_info info) {
  Args<6> args(env, info);
  const auto gradients = torch::autograd::grad(
      tensors_of(env, args[0], "outputs"), tensors_of(env, args[1], "inputs"), optional_tensors(env, args[2], "gradients"),
      to_bool(env, args[3], "retainGraph"), to_bool(env, args[4], "createGraph"), to_bool(env, args[5], "allowUnused"));
  EnvState& state = state_of(env);
  napi_value out;
  check(env, napi_create_array_with_length(env, gradients.size(), &out));
  for (size_t i = 0; i < gradients.size(); i++) check(env, napi_set_element(env, out, i, wrap(env, state, gradients[i])));
  return out;
}

// Sets the thread's grad mode and returns the previous one.
static napi_value SetGradEnabled(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const bool previous = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(to_bool(env, args[0], "enabled"));
  return boolean(env, previous);
}

static napi_value IsGradEnabled(napi_env env, napi_callback_info) {
  return boolean(env, c10::GradMode::is_enabled());
}

// (device type, dtype or null): operators that benefit run in that dtype on that kind of device, or no longer do.
// Returns the previous dtype, null if it was off. Casts of weights are cached until it is switched off.
static napi_value SetAutocast(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const auto device = c10::Device(to_string(env, args[0], "device")).type();
  const bool was_on = at::autocast::is_autocast_enabled(device);
  napi_value previous;
  check(env, napi_get_null(env, &previous));
  if (was_on) previous = from_int64(env, static_cast<int64_t>(at::autocast::get_autocast_dtype(device)));
  const bool on = !is_nullish(env, args[1]);
  if (on) at::autocast::set_autocast_dtype(device, dtype_argument(env, args[1]));
  at::autocast::set_autocast_enabled(device, on);
  if (!on) at::autocast::clear_cache();
  return previous;
}

const std::vector<Export> kAutogradExports = {
    {"requiresGrad", guarded<RequiresGrad>},
    {"setRequiresGrad", guarded<SetRequiresGrad>},
    {"isLeaf", guarded<IsLeaf>},
    {"grad", guarded<Grad>},
    {"setGrad", guarded<SetGrad>},
    {"backward", guarded<Backward>},
    {"gradients", guarded<Gradients>},
    {"setGradEnabled", guarded<SetGradEnabled>},
    {"isGradEnabled", guarded<IsGradEnabled>},
    {"setAutocast", guarded<SetAutocast>},
};

}  // namespace pixart
