#include "tensor.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/StringUtil.h>

#include <cstring>

namespace pixart {

// V8 does not see tensor memory. A flat report a handle makes it collect lost handles in time; true sizes would force
// a full mark-sweep every 64 MiB.
constexpr int64_t kReportedBytes = 16 * 1024;

static void unlink(Handle& h) {
  if (!h.scope) return;
  (h.previous ? h.previous->next : h.scope->first) = h.next;
  if (h.next) h.next->previous = h.previous;
  h.scope = nullptr;
  h.previous = h.next = nullptr;
}

static void link(Handle& h, Scope* scope) {
  if (!scope) return;
  h.scope = scope;
  h.previous = nullptr;
  h.next = scope->first;
  if (h.next) h.next->previous = &h;
  scope->first = &h;
}

static void release(Handle& h, int32_t ended_by) {
  if (!h.tensor.defined()) return;
  const auto sizes = h.tensor.sizes();
  h.last_shape.assign(sizes.begin(), sizes.end());
  h.last_dtype = h.tensor.scalar_type();
  h.ended_by = ended_by;
  h.tensor.reset();
  h.state->live_tensors--;
}

static void finalize_handle(node_api_basic_env env, void* data, void*) {
  auto* h = static_cast<Handle*>(data);
  unlink(*h);
  if (h->tensor.defined()) h->state->live_tensors--;
  delete h;
  int64_t total;
  napi_adjust_external_memory(env, -kReportedBytes, &total);
}

napi_value wrap(napi_env env, EnvState& state, at::Tensor tensor) {
  napi_value out;
  if (!tensor.defined()) {
    check(env, napi_get_null(env, &out));
    return out;
  }
  auto* h = new Handle;
  h->state = &state;
  h->tensor = std::move(tensor);
  if (napi_create_external(env, h, finalize_handle, nullptr, &out) != napi_ok) {
    delete h;
    throw std::runtime_error("could not create a tensor handle");
  }
  state.live_tensors++;
  link(*h, state.current_scope);
  int64_t total;
  napi_adjust_external_memory(env, kReportedBytes, &total);
  return out;
}

template <typename T>
static T* external(napi_env env, napi_value value, Tag tag) {
  void* data = nullptr;
  if (napi_get_value_external(env, value, &data) != napi_ok || !data) return nullptr;
  auto* typed = static_cast<T*>(data);
  return typed->tag == tag ? typed : nullptr;
}

Handle& handle_of(napi_env env, napi_value value, const char* name) {
  auto* h = external<Handle>(env, value, Tag::Tensor);
  if (!h) throw std::invalid_argument(std::string("Expected a Tensor for ") + name + " but received something else");
  return *h;
}

static std::string shape_text(c10::IntArrayRef shape) {
  return "(" + c10::Join(", ", shape) + ")";
}

static const char* dtype_text(c10::ScalarType dtype) {
  switch (dtype) {
    case c10::kFloat: return "float32";
    case c10::kDouble: return "float64";
    case c10::kHalf: return "float16";
    case c10::kBFloat16: return "bfloat16";
    case c10::kLong: return "int64";
    case c10::kInt: return "int32";
    case c10::kShort: return "int16";
    case c10::kChar: return "int8";
    case c10::kByte: return "uint8";
    case c10::kBool: return "bool";
    default: return c10::toString(dtype);
  }
}

std::string describe(const at::Tensor& tensor) {
  if (!tensor.defined()) return "none";
  return std::string(dtype_text(tensor.scalar_type())) + shape_text(tensor.sizes());
}

const at::Tensor& tensor_of(napi_env env, napi_value value, const char* name) {
  Handle& h = handle_of(env, value, name);
  if (h.tensor.defined()) return h.tensor;
  const std::string what = "tensor " + shape_text(h.last_shape) + " " + dtype_text(h.last_dtype) + " ";
  if (h.ended_by < 0) throw DisposedError(what + "was disposed");
  throw DisposedError(what + "was disposed when scope \"" + h.state->scope_names[h.ended_by] + "\" ended; return it from the scope or torch.keep() it");
}

std::vector<at::Tensor> tensors_of(napi_env env, napi_value array, const char* name) {
  uint32_t length = 0;
  if (napi_get_array_length(env, array, &length) != napi_ok) {
    throw std::invalid_argument(std::string("Expected an array of Tensors for ") + name);
  }
  std::vector<at::Tensor> out;
  out.reserve(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    check(env, napi_get_element(env, array, i, &element));
    out.push_back(tensor_of(env, element, name));
  }
  return out;
}

const at::Generator& generator_of(napi_env env, napi_value value, const char* name) {
  auto* g = external<GeneratorHandle>(env, value, Tag::Generator);
  if (!g) throw std::invalid_argument(std::string("Expected a Generator for ") + name + " but received something else");
  return g->generator;
}

// ---- reading a tensor ---------------------------------------------------------------------------------------------

static napi_value Shape(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const auto sizes = tensor_of(env, args[0], "tensor").sizes();
  napi_value out;
  check(env, napi_create_array_with_length(env, sizes.size(), &out));
  for (size_t i = 0; i < sizes.size(); i++) check(env, napi_set_element(env, out, i, from_int64(env, sizes[i])));
  return out;
}

static napi_value DTypeCode(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  return from_int64(env, static_cast<int64_t>(tensor_of(env, args[0], "tensor").scalar_type()));
}

static napi_value DeviceName(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  return from_string(env, tensor_of(env, args[0], "tensor").device().str());
}

static napi_value IsDisposed(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  napi_value out;
  check(env, napi_get_boolean(env, !handle_of(env, args[0], "tensor").tensor.defined(), &out));
  return out;
}

// Whether two handles mean the same tensor (not merely equal values).
static napi_value IsSame(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  napi_value out;
  const bool same = tensor_of(env, args[0], "a").is_same(tensor_of(env, args[1], "b"));
  check(env, napi_get_boolean(env, same, &out));
  return out;
}

// A contiguous CPU copy of the elements as an ArrayBuffer.
static napi_value ToBytes(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const at::Tensor t = tensor_of(env, args[0], "tensor").detach().to(at::kCPU).contiguous();
  napi_value out;
  void* data = nullptr;
  check(env, napi_create_arraybuffer(env, t.nbytes(), &data, &out));
  if (t.nbytes() > 0) std::memcpy(data, t.const_data_ptr(), t.nbytes());
  return out;
}

static napi_value Item(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const at::Scalar scalar = tensor_of(env, args[0], "tensor").item();
  napi_value out;
  if (scalar.isBoolean()) {
    check(env, napi_create_double(env, scalar.toBool() ? 1 : 0, &out));
  } else if (scalar.isIntegral(false)) {
    check(env, napi_create_int64(env, scalar.toLong(), &out));
  } else {
    check(env, napi_create_double(env, scalar.toDouble(), &out));
  }
  return out;
}

// ---- making a tensor ----------------------------------------------------------------------------------------------

struct Bytes {
  void* data = nullptr;
  size_t length = 0;
};

static Bytes bytes_of(napi_env env, napi_value value) {
  Bytes out;
  bool typed = false;
  check(env, napi_is_typedarray(env, value, &typed));
  if (!typed) throw std::invalid_argument("Expected a typed array for data but received something else");
  napi_typedarray_type type;
  size_t count = 0;
  check(env, napi_get_typedarray_info(env, value, &type, &count, &out.data, nullptr, nullptr));
  static const size_t kSizes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  if (type > napi_biguint64_array) throw std::invalid_argument("Expected a typed array of at most 64-bit integers or floats for data");
  out.length = count * kSizes[type];
  return out;
}

static std::vector<int64_t> checked_shape(napi_env env, napi_value value, c10::ScalarType dtype, size_t bytes) {
  auto shape = to_int64_list(env, value, "shape");
  uint64_t expected = c10::elementSize(dtype);
  for (const int64_t size : shape) {
    uint64_t next = 0;
    if (size < 0 || __builtin_mul_overflow(expected, static_cast<uint64_t>(size), &next)) {
      throw std::invalid_argument("Expected non-negative sizes of a possible shape but received " + shape_text(shape));
    }
    expected = next;
  }
  if (expected != bytes) {
    throw std::invalid_argument("Expected " + std::to_string(expected) + " bytes of data for shape " + shape_text(shape) + " " +
                                dtype_text(dtype) + " but received " + std::to_string(bytes));
  }
  return shape;
}

static c10::ScalarType dtype_argument(napi_env env, napi_value value) {
  const int64_t code = to_int64(env, value, "dtype");
  if (code < 0 || code >= static_cast<int64_t>(c10::ScalarType::NumOptions)) throw std::invalid_argument("Expected a known dtype");
  return static_cast<c10::ScalarType>(code);
}

// (data: TypedArray, dtype, shape): copies, so the caller's buffer may change or go afterwards.
static napi_value FromBytes(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const Bytes bytes = bytes_of(env, args[0]);
  const auto dtype = dtype_argument(env, args[1]);
  const auto shape = checked_shape(env, args[2], dtype, bytes.length);
  at::Tensor t = at::empty(shape, at::TensorOptions().dtype(dtype));
  if (bytes.length > 0) std::memcpy(t.mutable_data_ptr(), bytes.data, bytes.length);
  return wrap(env, state_of(env), std::move(t));
}

// ---- lifetime -----------------------------------------------------------------------------------------------------

static napi_value Dispose(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Handle& h = handle_of(env, args[0], "tensor");
  unlink(h);
  release(h, -1);
  return undefined(env);
}

static napi_value Keep(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  unlink(handle_of(env, args[0], "tensor"));
  return undefined(env);
}

// A second handle to the same tensor, owned by no scope.
static napi_value Retain(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  napi_value out = wrap(env, state_of(env), tensor_of(env, args[0], "tensor"));
  unlink(handle_of(env, out, "tensor"));
  return out;
}

// Names are interned so that entering a scope passes one small integer.
static napi_value ScopeName(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  EnvState& state = state_of(env);
  state.scope_names.push_back(to_string(env, args[0], "name"));
  return from_int64(env, static_cast<int64_t>(state.scope_names.size()) - 1);
}

static int32_t scope_name_argument(napi_env env, const EnvState& state, napi_value value) {
  const int64_t name = to_int64(env, value, "scope name");
  if (name < 0 || name >= static_cast<int64_t>(state.scope_names.size())) throw std::invalid_argument("Expected a scope name's index");
  return static_cast<int32_t>(name);
}

static void free_all(Scope& scope) {
  while (Handle* h = scope.first) {
    unlink(*h);
    release(*h, scope.name);
  }
}

static napi_value ScopeBegin(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  EnvState& state = state_of(env);
  auto* scope = new Scope;
  scope->name = scope_name_argument(env, state, args[0]);
  scope->parent = state.current_scope;
  state.current_scope = scope;
  return nullptr;
}

static void keep_beyond(napi_env env, Scope& scope, napi_value value) {
  Handle& h = handle_of(env, value, "kept tensor");
  if (h.scope != &scope) return;  // made outside: it keeps its own owner
  unlink(h);
  link(h, scope.parent);
}

// (kept: Tensor handle | array of handles | undefined): leaves the innermost scope.
static napi_value ScopeEnd(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  EnvState& state = state_of(env);
  Scope* scope = state.current_scope;
  if (!scope) throw std::logic_error("no scope is open");
  bool is_array = false;
  check(env, napi_is_array(env, args[0], &is_array));
  if (is_array) {
    uint32_t length = 0;
    check(env, napi_get_array_length(env, args[0], &length));
    for (uint32_t i = 0; i < length; i++) {
      napi_value element;
      check(env, napi_get_element(env, args[0], i, &element));
      keep_beyond(env, *scope, element);
    }
  } else if (!is_nullish(env, args[0])) {
    keep_beyond(env, *scope, args[0]);
  }
  state.current_scope = scope->parent;
  free_all(*scope);
  delete scope;
  return nullptr;
}

static void finalize_held_scope(node_api_basic_env, void* data, void*) {
  auto* scope = static_cast<Scope*>(data);
  while (Handle* h = scope->first) unlink(*h);  // from here on the garbage collector owns them
  delete scope;
}

// A scope that async code holds: it is never current by itself.
static napi_value HeldScopeNew(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  auto* scope = new Scope;
  scope->name = scope_name_argument(env, state_of(env), args[0]);
  napi_value out;
  check(env, napi_create_external(env, scope, finalize_held_scope, nullptr, &out));
  return out;
}

static Scope& held_scope_of(napi_env env, napi_value value) {
  auto* scope = external<Scope>(env, value, Tag::Scope);
  if (!scope) throw std::invalid_argument("Expected a Scope but received something else");
  return *scope;
}

// Leaves the innermost scope and hands all its tensors to a held one.
static napi_value ScopeEndInto(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  EnvState& state = state_of(env);
  Scope* scope = state.current_scope;
  if (!scope) throw std::logic_error("no scope is open");
  Scope& held = held_scope_of(env, args[0]);
  state.current_scope = scope->parent;
  while (Handle* h = scope->first) {
    unlink(*h);
    link(*h, &held);
  }
  delete scope;
  return nullptr;
}

static napi_value HeldScopeFree(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  free_all(held_scope_of(env, args[0]));
  return nullptr;
}

static napi_value LiveTensors(napi_env env, napi_callback_info) {
  return from_int64(env, state_of(env).live_tensors);
}

// ---- generators ---------------------------------------------------------------------------------------------------

static uint64_t seed_argument(napi_env env, napi_value value) {
  uint64_t big = 0;
  bool lossless = false;
  if (napi_get_value_bigint_uint64(env, value, &big, &lossless) == napi_ok) return big;
  return static_cast<uint64_t>(to_int64(env, value, "seed"));
}

static napi_value GeneratorNew(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const c10::Device device(to_string(env, args[1], "device"));
  auto* g = new GeneratorHandle;
  g->generator = device.is_cpu() ? at::make_generator<at::CPUGeneratorImpl>()
                                 : at::globalContext().getAcceleratorHooksInterface(device.type()).getNewGenerator(device.index());
  g->generator.set_current_seed(seed_argument(env, args[0]));
  napi_value out;
  check(env, napi_create_external(env, g, [](node_api_basic_env, void* data, void*) { delete static_cast<GeneratorHandle*>(data); }, nullptr, &out));
  return out;
}

static napi_value ManualSeed(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  at::manual_seed(seed_argument(env, args[0]));
  return nullptr;
}

const std::vector<Export> kTensorExports = {
    {"shape", guarded<Shape>},
    {"dtype", guarded<DTypeCode>},
    {"device", guarded<DeviceName>},
    {"isDisposed", guarded<IsDisposed>},
    {"isSame", guarded<IsSame>},
    {"toBytes", guarded<ToBytes>},
    {"item", guarded<Item>},
    {"fromBytes", guarded<FromBytes>},
    {"dispose", guarded<Dispose>},
    {"keep", guarded<Keep>},
    {"retain", guarded<Retain>},
    {"scopeName", guarded<ScopeName>},
    {"scopeBegin", guarded<ScopeBegin>},
    {"scopeEnd", guarded<ScopeEnd>},
    {"heldScopeNew", guarded<HeldScopeNew>},
    {"scopeEndInto", guarded<ScopeEndInto>},
    {"heldScopeFree", guarded<HeldScopeFree>},
    {"liveTensors", guarded<LiveTensors>},
    {"generator", guarded<GeneratorNew>},
    {"manualSeed", guarded<ManualSeed>},
};

}  // namespace pixart
