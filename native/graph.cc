// CUDA graphs: the GPU work of a function, recorded once and replayed by one call.
#include "graph.h"

#include "tensor.h"

#ifdef PIXART_CUDA
#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/cuda/CUDAGraph.h>
#endif

namespace pixart {

#ifdef PIXART_CUDA

struct GraphHandle {
  static constexpr Tag kTag = Tag::Graph;
  Tag tag = kTag;
  at::cuda::CUDAGraph graph;
  c10::Stream own;    // CUDA can't record the default stream
  c10::Stream outer;  // current before and after
  GraphHandle(c10::Stream own, c10::Stream outer) : own(own), outer(outer) {}
};

static GraphHandle& graph_of(napi_env env, napi_value value) {
  auto* handle = external<GraphHandle>(env, value, Tag::Graph);
  if (!handle) throw std::invalid_argument("Expected a graph but received something else");
  return *handle;
}

// (device): a graph with its own stream, which is current until graphLeave.
static napi_value GraphNew(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const c10::Device device(to_string(env, args[0], "device"));
  if (!device.is_cuda()) throw std::invalid_argument("Expected a device of CUDA for a graph but received " + device.str());
  at::globalContext().lazyInitDevice(c10::kCUDA);
  const c10::DeviceIndex index = device.has_index() ? device.index() : at::accelerator::getDeviceIndex();
  auto handle = std::make_unique<GraphHandle>(c10::cuda::getStreamFromPool(false, index).unwrap(), at::accelerator::getCurrentStream(index));
  at::accelerator::synchronizeDevice(index);
  at::accelerator::setCurrentStream(handle->own);
  napi_value out;
  check(env, napi_create_external(env, handle.get(), [](node_api_basic_env, void* data, void*) { delete static_cast<GraphHandle*>(data); }, nullptr, &out));
  handle.release();
  return out;
}

// (graph): starts recording instead of executing.
static napi_value GraphBegin(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  auto& handle = graph_of(env, args[0]);
  at::accelerator::synchronizeDevice(handle.own.device_index());
  handle.graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
  return nullptr;
}

// (graph): ends recording. Throws if something could not be recorded.
static napi_value GraphEnd(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  graph_of(env, args[0]).graph.capture_end();
  return nullptr;
}

static napi_value GraphLeave(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  at::accelerator::setCurrentStream(graph_of(env, args[0]).outer);
  return nullptr;
}

// (graph): replays the recording, on the tensors that it was made with.
static napi_value GraphReplay(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  graph_of(env, args[0]).graph.replay();
  return nullptr;
}

// (graph): frees its memory, including its outputs.
static napi_value GraphFree(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  graph_of(env, args[0]).graph.reset();
  return nullptr;
}

#else

static napi_value refuse(napi_env, napi_callback_info) {
  throw std::runtime_error("This addon has no graphs: it was built against a libtorch without CUDA, or without CUDA's headers beside it");
}

constexpr Body GraphNew = refuse, GraphBegin = refuse, GraphEnd = refuse, GraphLeave = refuse, GraphReplay = refuse, GraphFree = refuse;

#endif

const std::vector<Export> kGraphExports = {
    {"graphNew", guarded<GraphNew>},
    {"graphBegin", guarded<GraphBegin>},
    {"graphEnd", guarded<GraphEnd>},
    {"graphLeave", guarded<GraphLeave>},
    {"graphReplay", guarded<GraphReplay>},
    {"graphFree", guarded<GraphFree>},
};

}  // namespace pixart
