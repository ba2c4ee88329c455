// Only registration.
#include <c10/util/Logging.h>

#include "autograd.h"
#include "dispatch.h"
#include "distributed.h"
#include "engine.h"
#include "graph.h"
#include "mapping.h"
#include "operators.h"
#include "spin.h"
#include "tensor.h"

namespace pixart {

// (TorchError, TensorDisposedError): the classes of native errors.
static napi_value InstallErrors(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  EnvState& state = state_of(env);
  check(env, napi_create_reference(env, args[0], 1, &state.torch_error));
  check(env, napi_create_reference(env, args[1], 1, &state.disposed_error));
  return nullptr;
}

static void add(napi_env env, napi_value exports, const Export& entry) {
  napi_value function;
  check(env, napi_create_function(env, entry.name, NAPI_AUTO_LENGTH, entry.callback, nullptr, &function));
  check(env, napi_set_named_property(env, exports, entry.name, function));
}

static napi_value init(napi_env env, napi_value exports) {
  keep_freed_memory();
  settle_vector_kernels();
  define_operators();
  c10::initLogging();  // reads TORCH_CPP_LOG_LEVEL, like Python's torch
  auto* state = new EnvState;
  state->env = env;
  state->tensors = new TensorTable;
  // The state outlives its environment on purpose: guards that are finalized at exit still use it. Its tensors do not:
  // a worker that is stopped inside a scope would leak them.
  check(env, napi_set_instance_data(env, state, nullptr, nullptr));
  check(env, napi_add_env_cleanup_hook(env, [](void* tensors) { static_cast<TensorTable*>(tensors)->free_everything(); }, state->tensors));
  add(env, exports, {"installErrors", guarded<InstallErrors>});
  for (const auto* list : {&kTensorExports, &kDispatchExports, &kAutogradExports, &kEngineExports, &kMappingExports,
                           &kDistributedExports, &kGraphExports, &kSpinExports}) {
    for (const auto& entry : *list) add(env, exports, entry);
  }
  return exports;
}

}  // namespace pixart

NAPI_MODULE_INIT() {
  try {
    return pixart::init(env, exports);
  } catch (...) {
    napi_throw_error(env, nullptr, "the native engine could not be initialised");
    return nullptr;
  }
}
