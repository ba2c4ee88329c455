// Tensor handles: the numbers that JavaScript Tensors hold, and the scopes that free the tensors behind them.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <array>
#include <memory>

#include "env.h"

namespace pixart {

// Every external value of this addon begins with a tag, so that a foreign one is refused instead of misread.
enum class Tag : uint64_t {
  Generator = 0x7069786172744731,
  Scope = 0x7069786172745331,
  Guard = 0x7069786172744431,
  Store = 0x7069786172745431,
  Group = 0x7069786172745031,
  Reducer = 0x7069786172745231,
  Heartbeat = 0x7069786172744831,
  Graph = 0x7069786172744331,
};

// The object that an external value of this addon points to; null if it is another addon's, or of another kind.
template <typename T>
T* external(napi_env env, napi_value value, Tag tag) {
  void* data = nullptr;
  if (napi_get_value_external(env, value, &data) != napi_ok || !data) return nullptr;
  auto* typed = static_cast<T*>(data);
  return typed->tag == tag ? typed : nullptr;
}

struct Slot;

// Tensors that are freed together, as a list through their slots.
struct Scope {
  Tag tag = Tag::Scope;
  Scope* parent = nullptr;
  Slot* first = nullptr;
  uint32_t count = 0;
  int32_t name = -1;
};

// Storage of a live tensor. Slots are reused; the generation distinguishes handles to earlier tensors from those to
// this one.
struct Slot {
  at::Tensor tensor;
  uint32_t index = 0;
  uint32_t generation = 0;
  Scope* scope = nullptr;
  Slot* previous = nullptr;
  Slot* next = nullptr;
  // Bytes that only the garbage collector frees, and how much of them was reported to V8; 0 without a guard.
  int64_t guarded = 0;
  int64_t reported = 0;
};

// All tensors that JavaScript holds. A handle is a number: making one needs no V8 object and no finalizer.
class TensorTable {
 public:
  // Adds a tensor to the current scope. The handle is negative if no scope will free it in time: its Tensor then needs
  // a guard, so that the garbage collector does.
  double add(at::Tensor tensor);
  // Null for numbers that are not a live handle.
  Slot* find(double handle);
  static double handle_of(const Slot& slot);
  // Removes the tensor of a handle; no effect if it is gone.
  void remove(double handle, int32_t ended_by);
  void unlink(Slot& slot);
  void link(Slot& slot, Scope* scope);
  void free_all(Scope& scope);
  // Frees every tensor, whoever owns it, because their environment ends.
  void free_everything();
  // Records that only the garbage collector frees a tensor from now on.
  void note_guard(double handle);
  // What to report to V8: bytes that came under guards, minus those freed.
  int64_t take_report();
  // What is still known about a tensor that is gone.
  std::string epitaph(double handle, const std::vector<std::string>& scope_names) const;

  Scope* current = nullptr;
  int64_t live = 0;

 private:
  static constexpr uint32_t kChunk = 1024;
  static constexpr size_t kEpitaphs = 2048;
  struct Epitaph {
    double handle = 0;
    c10::SmallVector<int64_t, 4> shape;
    c10::ScalarType dtype = c10::ScalarType::Undefined;
    int32_t ended_by = -1;
  };
  void release(Slot& slot, int32_t ended_by);
  Slot& vacant();
  std::vector<std::unique_ptr<std::array<Slot, kChunk>>> chunks_;
  std::vector<Slot*> vacant_;
  std::array<Epitaph, kEpitaphs> epitaphs_;
  size_t next_epitaph_ = 0;
  // Total of all tensors under guards.
  int64_t guarded_ = 0;
  int64_t unreported_ = 0;
};

struct GeneratorHandle {
  Tag tag = Tag::Generator;
  at::Generator generator;
};

// A JavaScript handle for `tensor`, owned by the current scope if there is one. An undefined tensor becomes null.
napi_value wrap(napi_env env, EnvState& state, at::Tensor tensor);

// The tensor behind a handle. Throws DisposedError if it is gone.
const at::Tensor& tensor_of(napi_env env, napi_value value, const char* name);

std::vector<at::Tensor> tensors_of(napi_env env, napi_value array, const char* name);

const at::Generator& generator_of(napi_env env, napi_value value, const char* name);

c10::ScalarType dtype_argument(napi_env env, napi_value value);

// Throws unless the elements of a shape take exactly `bytes`.
void check_bytes(const std::vector<int64_t>& shape, c10::ScalarType dtype, size_t bytes);

std::string describe(const at::Tensor& tensor);

extern const std::vector<Export> kTensorExports;

}  // namespace pixart
