// Version, devices and threads of the loaded libtorch.
#include "engine.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/native/DispatchStub.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/ones.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/version.h>

#include <algorithm>

#ifdef __GLIBC__
#include <malloc.h>

#include <cstdlib>
#endif

#include "cpu.h"
#include "products.h"

namespace pixart {

static void set(napi_env env, napi_value object, const char* name, napi_value value) {
  check(env, napi_set_named_property(env, object, name, value));
}

// Such as "2.13": that of the loaded library, which may differ from the headers that this file was compiled with.
static std::string loaded_version() {
  const uint64_t abi = aoti_torch_abi_version();
  return std::to_string((abi >> 56) & 0xff) + "." + std::to_string((abi >> 48) & 0xff);
}

// "cpu", and those of the accelerator that libtorch found, "cuda:0" and so on.
static napi_value device_names(napi_env env) {
  std::vector<std::string> names{"cpu"};
  if (const auto kind = at::getAccelerator()) {
    for (c10::DeviceIndex i = 0; i < at::accelerator::deviceCount(); i++) names.push_back(c10::Device(*kind, i).str());
  }
  napi_value out;
  check(env, napi_create_array_with_length(env, names.size(), &out));
  for (size_t i = 0; i < names.size(); i++) check(env, napi_set_element(env, out, i, from_string(env, names[i])));
  return out;
}

static napi_value Info(napi_env env, napi_callback_info) {
  napi_value out;
  check(env, napi_create_object(env, &out));
  napi_value bfloat16;
  check(env, napi_get_boolean(env, multiplies_bfloat16(), &bfloat16));
  set(env, out, "builtAgainst", from_string(env, TORCH_VERSION));
  set(env, out, "loaded", from_string(env, loaded_version()));
  set(env, out, "config", from_string(env, at::show_config()));
  set(env, out, "cpuCapability", from_string(env, at::get_cpu_capability()));
  set(env, out, "multipliesBfloat16", bfloat16);
  set(env, out, "threads", from_int64(env, at::get_num_threads()));
  set(env, out, "devices", device_names(env));
  return out;
}

// A human-readable description of the library that multiplies matrices on the CPU.
static napi_value Products(napi_env env, napi_callback_info) {
  return from_string(env, describe_products());
}

// Whether to use this project's own kernels instead of compositions of libtorch's operators.
static napi_value SetOwnKernels(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  uses_own_kernels = to_bool(env, args[0], "enabled");
  return nullptr;
}

// Throws if libtorch has no such device; otherwise initializes it.
static c10::Device accelerator_argument(napi_env env, napi_value value) {
  const c10::Device device(to_string(env, value, "device"));
  if (at::getAccelerator() != device.type()) throw std::runtime_error("libtorch has no device " + device.str() + " here");
  at::globalContext().lazyInitDevice(device.type());
  return device;
}

// (device): the default device of this process.
static napi_value SetDevice(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const c10::Device device = accelerator_argument(env, args[0]);
  if (device.has_index()) at::accelerator::setDeviceIndex(device.index());
  return nullptr;
}

// Undefined if the device's allocator is of another kind, which reports nothing.
static c10::DeviceAllocator* counting_allocator(c10::DeviceType type) {
  return dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(type));
}

// (device): bytes that this process can still allocate, including those it holds unused, and the peak of its tensors;
// null if the device does not report it.
static napi_value DeviceMemory(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const c10::Device device = accelerator_argument(env, args[0]);
  napi_value out;
  check(env, napi_get_null(env, &out));
  auto* allocator = counting_allocator(device.type());
  if (!allocator) return out;
  const c10::DeviceIndex index = device.has_index() ? device.index() : 0;
  int64_t free = 0;
  try {
    free = static_cast<int64_t>(allocator->getMemoryInfo(index).first);
  } catch (const c10::NotImplementedError&) {
    return out;
  }
  const auto stats = allocator->getDeviceStats(index);
  constexpr auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const int64_t unused = std::max<int64_t>(0, stats.reserved_bytes[all].current - stats.allocated_bytes[all].current);
  check(env, napi_create_object(env, &out));
  set(env, out, "free", from_int64(env, free + unused));
  set(env, out, "peak", from_int64(env, stats.allocated_bytes[all].peak));
  return out;
}

static napi_value SetThreads(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int64_t count = to_int64(env, args[0], "threads");
  if (count < 1 || count > 1024) throw std::invalid_argument("Expected 1 to 1024 for threads but received " + std::to_string(count));
  at::set_num_threads(static_cast<int>(count));
  return nullptr;
}

static napi_value Threads(napi_env env, napi_callback_info) {
  return from_int64(env, at::get_num_threads());
}

// Operators with a nondeterministic kernel refuse to run (true) or choose freely (false).
static napi_value SetDeterministic(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  at::globalContext().setDeterministicAlgorithms(to_bool(env, args[0], "deterministic"), false);
  return nullptr;
}

// A training step frees gigabytes and requests them again at once. glibc returns freed memory at the heap's end to the
// system as soon as it is 128 KiB to 64 MiB, and maps blocks of more than 32 MiB each time. Each page then faults
// again: on a virtual machine this takes a third of a training step at XL/2, and three quarters of the time to copy 38
// MB.
void keep_freed_memory() {
#ifdef __GLIBC__
  for (const char* own : {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_"}) {
    if (std::getenv(own)) return;
  }
  mallopt(M_MMAP_MAX, 0);               // never map a block separately
  mallopt(M_TRIM_THRESHOLD, -1);        // never automatically: releaseMemory() does it when appropriate
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}

// MKL's vector functions choose their kernel at the first call, and that is not thread-safe: if two threads choose at
// once, one of them computes its share in lower precision (a relative error of 1.5e-4; 7 of 150 processes, 0 of 150
// after this).
void settle_vector_kernels() {
  at::exp(at::ones({8}));
}

// Returns freed memory to the system, after work that will not be repeated.
static napi_value ReleaseMemory(napi_env, napi_callback_info) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  if (const auto kind = at::getAccelerator()) {
    auto* allocator = counting_allocator(*kind);
    if (allocator && allocator->initialized()) allocator->emptyCache();
  }
  return nullptr;
}

const std::vector<Export> kEngineExports = {
    {"engineInfo", guarded<Info>},
    {"products", guarded<Products>},
    {"setOwnKernels", guarded<SetOwnKernels>},
    {"setDevice", guarded<SetDevice>},
    {"deviceMemory", guarded<DeviceMemory>},
    {"setThreads", guarded<SetThreads>},
    {"threads", guarded<Threads>},
    {"setDeterministic", guarded<SetDeterministic>},
    {"releaseMemory", guarded<ReleaseMemory>},
};

}  // namespace pixart
