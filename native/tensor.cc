#include "tensor.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace pixart {

// A scope with more tensors than this also gives new ones to the garbage collector, so that a long loop inside one
// scope does not keep everything it ever made.
constexpr uint32_t kCrowded = 4096;

// V8 does not see tensor memory. It is told about memory that only its collector frees, and collects after every 64 MiB
// of reports. A flat report per guard bounds the number of lost tensors. Sizes are reported at a scale at which 64 MiB
// represent what may be lost before the next collection: a quarter of what guards hold, within bounds. True sizes would
// force a full mark-sweep every 64 MiB of tensors.
constexpr int64_t kReportedBytes = 16 * 1024;
constexpr int64_t kCollectedAt = 64 << 20;
constexpr int64_t kLeastLost = 256 << 20;
constexpr int64_t kMostLost = 2048LL << 20;

// A handle contains the slot's index in its lower 31 bits and its generation above them: 53 bits in all.
constexpr double kIndexRange = 2147483648.0;
constexpr uint32_t kGenerations = 1u << 22;

double TensorTable::handle_of(const Slot& slot) { return slot.generation * kIndexRange + slot.index; }

Slot& TensorTable::vacant() {
  if (vacant_.empty()) {
    const auto first = static_cast<uint32_t>(chunks_.size() * kChunk);
    chunks_.push_back(std::make_unique<std::array<Slot, kChunk>>());
    for (uint32_t i = kChunk; i-- > 0;) {
      Slot& slot = (*chunks_.back())[i];
      slot.index = first + i;
      vacant_.push_back(&slot);
    }
  }
  Slot& slot = *vacant_.back();
  vacant_.pop_back();
  return slot;
}

double TensorTable::add(at::Tensor tensor) {
  Slot& slot = vacant();
  slot.generation++;
  slot.tensor = std::move(tensor);
  live++;
  link(slot, current);
  const bool needs_guard = !current || current->count > kCrowded;
  return needs_guard ? -handle_of(slot) : handle_of(slot);
}

Slot* TensorTable::find(double handle) {
  if (!(handle >= kIndexRange) || handle >= kIndexRange * kGenerations) return nullptr;
  const auto whole = static_cast<uint64_t>(handle);
  const auto index = static_cast<uint32_t>(whole & 0x7fffffff);
  if (index / kChunk >= chunks_.size() || static_cast<double>(whole) != handle) return nullptr;
  Slot& slot = (*chunks_[index / kChunk])[index % kChunk];
  return slot.tensor.defined() && slot.generation == static_cast<uint32_t>(whole >> 31) ? &slot : nullptr;
}

void TensorTable::unlink(Slot& slot) {
  if (!slot.scope) return;
  (slot.previous ? slot.previous->next : slot.scope->first) = slot.next;
  if (slot.next) slot.next->previous = slot.previous;
  slot.scope->count--;
  slot.scope = nullptr;
  slot.previous = slot.next = nullptr;
}

void TensorTable::link(Slot& slot, Scope* scope) {
  if (!scope) return;
  slot.scope = scope;
  slot.next = scope->first;
  if (slot.next) slot.next->previous = &slot;
  scope->first = &slot;
  scope->count++;
}

// Memory that is freed with a tensor: its whole storage if nobody else uses it, even if the view shows only one row. A
// view whose base is alive counts what it shows, because the base frees the rest; meta tensors count nothing.
static int64_t bytes_behind(const at::Tensor& tensor) {
  if (tensor.is_meta() || !tensor.has_storage()) return 0;
  const auto& storage = tensor.storage();
  const size_t stored = storage.nbytes();
  // Autograd's record of a view keeps the base alive, whether or not gradients are needed.
  const size_t own = tensor.is_view() && tensor._base().use_count() == 1 ? 2 : 1;
  return static_cast<int64_t>(storage.use_count() <= own ? stored : std::min<size_t>(tensor.nbytes(), stored));
}

void TensorTable::note_guard(double handle) {
  Slot* slot = find(handle);
  if (!slot || slot->guarded > 0) return;
  slot->guarded = bytes_behind(slot->tensor);
  guarded_ += slot->guarded;
  const int64_t may_be_lost = std::clamp(guarded_ / 4, kLeastLost, kMostLost);
  slot->reported = static_cast<int64_t>(static_cast<double>(slot->guarded) * kCollectedAt / may_be_lost);
  unreported_ += slot->reported;
}

int64_t TensorTable::take_report() { return std::exchange(unreported_, 0); }

void TensorTable::release(Slot& slot, int32_t ended_by) {
  Epitaph& epitaph = epitaphs_[next_epitaph_++ % kEpitaphs];
  const auto sizes = slot.tensor.sizes();
  epitaph.handle = handle_of(slot);
  epitaph.shape.assign(sizes.begin(), sizes.end());
  epitaph.dtype = slot.tensor.scalar_type();
  epitaph.ended_by = ended_by;
  unlink(slot);
  live--;
  guarded_ -= std::exchange(slot.guarded, 0);
  unreported_ -= std::exchange(slot.reported, 0);
  // A slot whose generations are exhausted is retired: a stale handle must never refer to a later tensor.
  if (slot.generation + 1 < kGenerations) vacant_.push_back(&slot);
  slot.tensor.reset();
}

void TensorTable::remove(double handle, int32_t ended_by) {
  if (Slot* slot = find(handle)) release(*slot, ended_by);
}

void TensorTable::free_all(Scope& scope) {
  while (scope.first) release(*scope.first, scope.name);
}

void TensorTable::free_everything() {
  for (auto& chunk : chunks_) {
    for (Slot& slot : *chunk) {
      if (slot.tensor.defined()) release(slot, -1);
    }
  }
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

std::string TensorTable::epitaph(double handle, const std::vector<std::string>& scope_names) const {
  for (const Epitaph& epitaph : epitaphs_) {
    if (epitaph.handle != handle || handle == 0) continue;
    const std::string what = "tensor " + shape_text(epitaph.shape) + " " + dtype_text(epitaph.dtype) + " was disposed";
    if (epitaph.ended_by < 0) return what;
    return what + " when scope \"" + scope_names[epitaph.ended_by] + "\" ended; return it from the scope or torch.keep() it";
  }
  return "a tensor was disposed, by dispose() or at the end of its scope";
}

napi_value wrap(napi_env env, EnvState& state, at::Tensor tensor) {
  napi_value out;
  check(env, tensor.defined() ? napi_create_double(env, state.tensors->add(std::move(tensor)), &out) : napi_get_null(env, &out));
  return out;
}

static double handle_argument(napi_env env, napi_value value, const char* name) {
  double handle = 0;
  if (napi_get_value_double(env, value, &handle) != napi_ok || !(handle >= kIndexRange)) {
    throw std::invalid_argument(std::string("Expected a Tensor for ") + name + " but received something else");
  }
  return handle;
}

static Slot& slot_of(napi_env env, napi_value value, const char* name) {
  const double handle = handle_argument(env, value, name);
  EnvState& state = state_of(env);
  Slot* slot = state.tensors->find(handle);
  if (!slot) throw DisposedError(state.tensors->epitaph(handle, state.scope_names));
  return *slot;
}

const at::Tensor& tensor_of(napi_env env, napi_value value, const char* name) { return slot_of(env, value, name).tensor; }

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
  // A copy: setting an element may run a setter of Array.prototype, which may dispose the tensor.
  const at::DimVector sizes(tensor_of(env, args[0], "tensor").sizes());
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
  const double handle = handle_argument(env, args[0], "tensor");
  check(env, napi_get_boolean(env, state_of(env).tensors->find(handle) == nullptr, &out));
  return out;
}

// Whether two handles refer to the same tensor (not merely equal values).
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

void check_bytes(const std::vector<int64_t>& shape, c10::ScalarType dtype, size_t bytes) {
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
}

c10::ScalarType dtype_argument(napi_env env, napi_value value) {
  const int64_t code = to_int64(env, value, "dtype");
  if (code < 0 || code >= static_cast<int64_t>(c10::ScalarType::Undefined)) throw std::invalid_argument("Expected a known dtype");
  return static_cast<c10::ScalarType>(code);
}

// (data: TypedArray, dtype, shape): copies, so that the caller's buffer may be changed or freed afterwards.
static napi_value FromBytes(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const auto dtype = dtype_argument(env, args[1]);
  const auto shape = to_int64_list(env, args[2], "shape");
  // Last: reading the shape may run a JavaScript getter, which may move the bytes elsewhere.
  const Bytes bytes = bytes_of(env, args[0]);
  check_bytes(shape, dtype, bytes.length);
  at::Tensor t = at::empty(shape, at::TensorOptions().dtype(dtype));
  if (bytes.length > 0) std::memcpy(t.mutable_data_ptr(), bytes.data, bytes.length);
  return wrap(env, state_of(env), std::move(t));
}

// Reports to V8 what has come under guards and what was freed since the last time.
static void report(node_api_basic_env env, TensorTable& tensors, int64_t more = 0) {
  const int64_t change = tensors.take_report() + more;
  int64_t total;
  if (change != 0) napi_adjust_external_memory(env, change, &total);
}

// ---- lifetime -----------------------------------------------------------------------------------------------------

static napi_value Dispose(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  TensorTable& tensors = *state_of(env).tensors;
  tensors.remove(handle_argument(env, args[0], "tensor"), -1);
  report(env, tensors);
  return nullptr;
}

// Removes a tensor from its scope. It then needs a guard.
static napi_value Keep(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  state_of(env).tensors->unlink(slot_of(env, args[0], "tensor"));
  return nullptr;
}

// A second handle to the same tensor, in no scope: negative, because it needs a guard.
static napi_value Retain(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  TensorTable& tensors = *state_of(env).tensors;
  const double handle = std::abs(tensors.add(tensor_of(env, args[0], "tensor")));
  tensors.unlink(*tensors.find(handle));
  napi_value out;
  check(env, napi_create_double(env, -handle, &out));
  return out;
}

struct Guard {
  Tag tag = Tag::Guard;
  TensorTable* tensors;
  double handle;
};

static void finalize_guard(node_api_basic_env env, void* data, void*) {
  auto* guard = static_cast<Guard*>(data);
  TensorTable& tensors = *guard->tensors;
  tensors.remove(guard->handle, -1);
  delete guard;
  report(env, tensors, -kReportedBytes);
}

// An object that a Tensor holds: when the garbage collector frees both, the tensor's memory is freed within the same
// turn of the event loop.
static napi_value GuardNew(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  auto* guard = new Guard{Tag::Guard, state_of(env).tensors, handle_argument(env, args[0], "tensor")};
  napi_value out;
  check(env, napi_create_external(env, guard, finalize_guard, nullptr, &out));
  guard->tensors->note_guard(guard->handle);
  report(env, *guard->tensors, kReportedBytes);
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

static napi_value ScopeBegin(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  EnvState& state = state_of(env);
  auto* scope = new Scope;
  scope->name = scope_name_argument(env, state, args[0]);
  scope->parent = state.tensors->current;
  state.tensors->current = scope;
  return nullptr;
}

static Scope& leave_scope(TensorTable& tensors) {
  Scope* scope = tensors.current;
  if (!scope) throw std::logic_error("no scope is open");
  tensors.current = scope->parent;
  return *scope;
}

// Not the scope's parent but what is current now: reading a list may run a JavaScript getter, which may end the parent.
static void keep_beyond(napi_env env, TensorTable& tensors, Scope& scope, napi_value value) {
  Slot& slot = slot_of(env, value, "kept tensor");
  if (slot.scope != &scope) return;  // made outside: it keeps its owner
  tensors.unlink(slot);
  tensors.link(slot, tensors.current);
}

// (kept: handle | array of handles | undefined): leaves the innermost scope. True if no scope is left to own the kept
// tensors, so that they need guards.
static napi_value ScopeEnd(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  TensorTable& tensors = *state_of(env).tensors;
  const std::unique_ptr<Scope> scope(&leave_scope(tensors));
  try {
    bool is_array = false;
    check(env, napi_is_array(env, args[0], &is_array));
    if (is_array) {
      uint32_t length = 0;
      check(env, napi_get_array_length(env, args[0], &length));
      for (uint32_t i = 0; i < length; i++) {
        napi_value element;
        check(env, napi_get_element(env, args[0], i, &element));
        keep_beyond(env, tensors, *scope, element);
      }
    } else if (!is_nullish(env, args[0])) {
      keep_beyond(env, tensors, *scope, args[0]);
    }
  } catch (...) {
    tensors.free_all(*scope);
    throw;
  }
  tensors.free_all(*scope);
  report(env, tensors);
  napi_value out;
  check(env, napi_get_boolean(env, tensors.current == nullptr, &out));
  return out;
}

struct HeldScope : Scope {
  TensorTable* tensors = nullptr;
};

static void finalize_held_scope(node_api_basic_env, void* data, void*) {
  auto* scope = static_cast<HeldScope*>(data);
  scope->tensors->free_all(*scope);
  delete scope;
}

// A scope for async code: it is never current by itself.
static napi_value HeldScopeNew(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  EnvState& state = state_of(env);
  auto* scope = new HeldScope;
  scope->tensors = state.tensors;
  scope->name = scope_name_argument(env, state, args[0]);
  napi_value out;
  check(env, napi_create_external(env, scope, finalize_held_scope, nullptr, &out));
  return out;
}

static HeldScope& held_scope_of(napi_env env, napi_value value) {
  auto* scope = external<HeldScope>(env, value, Tag::Scope);
  if (!scope) throw std::invalid_argument("Expected a Scope but received something else");
  return *scope;
}

// Leaves the innermost scope and moves all its tensors to a held one.
static napi_value ScopeEndInto(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  TensorTable& tensors = *state_of(env).tensors;
  Scope& held = held_scope_of(env, args[0]);
  const std::unique_ptr<Scope> scope(&leave_scope(tensors));
  while (Slot* slot = scope->first) {
    tensors.unlink(*slot);
    tensors.link(*slot, &held);
  }
  return nullptr;
}

static napi_value HeldScopeFree(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  TensorTable& tensors = *state_of(env).tensors;
  tensors.free_all(held_scope_of(env, args[0]));
  report(env, tensors);
  return nullptr;
}

static napi_value LiveTensors(napi_env env, napi_callback_info) {
  return from_int64(env, state_of(env).tensors->live);
}

// ---- between environments -----------------------------------------------------------------------------------------

// Tensors that one environment has shared and none has adopted yet.
struct Handover {
  std::mutex mutex;
  std::unordered_map<int64_t, at::Tensor> tensors;
  int64_t next = 1;
};

static Handover& handover() {
  static auto* all = new Handover;  // never destroyed: workers may still run at exit
  return *all;
}

// Returns a token with which any environment of this process can adopt the tensor, without its gradient history, once.
static napi_value Share(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  at::Tensor tensor = tensor_of(env, args[0], "tensor").detach();
  Handover& all = handover();
  const std::lock_guard<std::mutex> lock(all.mutex);
  const int64_t token = all.next++;
  all.tensors.emplace(token, std::move(tensor));
  return from_int64(env, token);
}

static napi_value Adopt(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int64_t token = to_int64(env, args[0], "token");
  Handover& all = handover();
  at::Tensor tensor;
  {
    const std::lock_guard<std::mutex> lock(all.mutex);
    auto node = all.tensors.extract(token);
    if (node.empty()) throw std::invalid_argument("Expected the token of a shared tensor that nobody has taken but received " + std::to_string(token));
    tensor = std::move(node.mapped());
  }
  return wrap(env, state_of(env), std::move(tensor));
}

// ---- generators ---------------------------------------------------------------------------------------------------

static uint64_t seed_argument(napi_env env, napi_value value) {
  uint64_t big = 0;
  bool lossless = false;
  if (napi_get_value_bigint_uint64(env, value, &big, &lossless) == napi_ok) {
    if (!lossless) throw std::invalid_argument("Expected a seed from 0 to 2^64 - 1 but received a bigint beyond it");
    return big;
  }
  return static_cast<uint64_t>(to_int64(env, value, "seed"));
}

static napi_value GeneratorNew(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const c10::Device device(to_string(env, args[1], "device"));
  auto g = std::make_unique<GeneratorHandle>();
  g->generator = device.is_cpu() ? at::make_generator<at::CPUGeneratorImpl>()
                                 : at::globalContext().getAcceleratorHooksInterface(device.type()).getNewGenerator(device.index());
  g->generator.set_current_seed(seed_argument(env, args[0]));
  napi_value out;
  check(env, napi_create_external(env, g.get(), [](node_api_basic_env, void* data, void*) { delete static_cast<GeneratorHandle*>(data); }, nullptr, &out));
  g.release();
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
    {"guard", guarded<GuardNew>},
    {"scopeName", guarded<ScopeName>},
    {"scopeBegin", guarded<ScopeBegin>},
    {"scopeEnd", guarded<ScopeEnd>},
    {"heldScopeNew", guarded<HeldScopeNew>},
    {"scopeEndInto", guarded<ScopeEndInto>},
    {"heldScopeFree", guarded<HeldScopeFree>},
    {"liveTensors", guarded<LiveTensors>},
    {"share", guarded<Share>},
    {"adopt", guarded<Adopt>},
    {"generator", guarded<GeneratorNew>},
    {"manualSeed", guarded<ManualSeed>},
};

}  // namespace pixart
