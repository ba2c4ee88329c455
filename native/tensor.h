// Tensor handles: what a JavaScript Tensor holds, and the scopes that free them in a determined order.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "env.h"

namespace pixart {

// Every external value of this addon begins with a tag, so that a foreign one is refused and not read as ours.
enum class Tag : uint64_t { Tensor = 0x7069786172745431, Generator = 0x7069786172744731, Scope = 0x7069786172745331 };

// A JavaScript-owned reference to a tensor. It is a link of its scope's list, so leaving a scope costs O(1) a handle
// and a handle that the garbage collector takes first simply unlinks itself.
struct Handle {
  Tag tag = Tag::Tensor;
  EnvState* state = nullptr;
  Scope* scope = nullptr;
  Handle* previous = nullptr;
  Handle* next = nullptr;
  at::Tensor tensor;
  // What TensorDisposedError tells of a tensor that is gone.
  c10::SmallVector<int64_t, 4> last_shape;
  c10::ScalarType last_dtype = c10::ScalarType::Undefined;
  int32_t ended_by = -1;  // index into scope_names; -1: disposed by hand
};

struct Scope {
  Tag tag = Tag::Scope;
  Scope* parent = nullptr;
  Handle* first = nullptr;
  int32_t name = -1;
};

struct GeneratorHandle {
  Tag tag = Tag::Generator;
  at::Generator generator;
};

// A JavaScript value for `tensor`, owned by the current scope if there is one. An undefined tensor becomes null.
napi_value wrap(napi_env env, EnvState& state, at::Tensor tensor);

Handle& handle_of(napi_env env, napi_value value, const char* name);

// The tensor behind a handle. Throws DisposedError where it is gone.
const at::Tensor& tensor_of(napi_env env, napi_value value, const char* name);

std::vector<at::Tensor> tensors_of(napi_env env, napi_value array, const char* name);

const at::Generator& generator_of(napi_env env, napi_value value, const char* name);

std::string describe(const at::Tensor& tensor);

extern const std::vector<Export> kTensorExports;

}  // namespace pixart
