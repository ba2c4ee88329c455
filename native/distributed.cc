// Several processes, over c10d: stores through which they find each other, Gloo and NCCL process groups, collectives,
// and the reducer that averages gradients while a backward pass is still running.
#include "distributed.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#ifdef PIXART_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "tensor.h"

// libtorch 2.13 renames the two collectives over one tensor; 2.11 and 2.12 only have the old names.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace pixart {

using std::chrono::milliseconds;

struct StoreHandle {
  static constexpr Tag kTag = Tag::Store;
  Tag tag = kTag;
  c10::intrusive_ptr<c10d::Store> store;
  uint16_t port = 0;
};

struct GroupHandle {
  static constexpr Tag kTag = Tag::Group;
  Tag tag = kTag;
  c10::intrusive_ptr<c10d::ProcessGroup> group;
};

struct ReducerHandle {
  static constexpr Tag kTag = Tag::Reducer;
  Tag tag = kTag;
  std::unique_ptr<c10d::Reducer> reducer;
};

// An external value that owns `handle`.
template <typename T>
static napi_value own(napi_env env, std::unique_ptr<T> handle) {
  napi_value out;
  check(env, napi_create_external(env, handle.get(), [](node_api_basic_env, void* data, void*) { delete static_cast<T*>(data); }, nullptr, &out));
  handle.release();
  return out;
}

template <typename T>
static T& owned(napi_env env, napi_value value, const char* expected) {
  auto* handle = external<T>(env, value, T::kTag);
  if (!handle) throw std::invalid_argument(std::string("Expected ") + expected + " but received something else");
  return *handle;
}

static c10d::Store& store_of(napi_env env, napi_value value) { return *owned<StoreHandle>(env, value, "a store").store; }

static c10d::ProcessGroup& group_of(napi_env env, napi_value value) { return *owned<GroupHandle>(env, value, "a process group").group; }

static milliseconds to_milliseconds(napi_env env, napi_value value, const char* name) {
  constexpr int64_t kDay = 24 * 60 * 60 * 1000;
  const int64_t count = to_int64(env, value, name);
  if (count < 1 || count > kDay) throw std::invalid_argument(std::string("Expected 1 to ") + std::to_string(kDay) + " milliseconds for " + name + " but received " + std::to_string(count));
  return milliseconds(count);
}

static std::vector<std::string> to_strings(napi_env env, napi_value value, const char* name) {
  uint32_t length = 0;
  check(env, napi_get_array_length(env, value, &length));
  std::vector<std::string> out;
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    check(env, napi_get_element(env, value, i, &element));
    out.push_back(to_string(env, element, name));
  }
  return out;
}

// ---- stores -------------------------------------------------------------------------------------------------------

// A socket bound to one address. c10d's own server would listen on every interface, and the store has no password.
static int bound_socket(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(port);
  if (const int code = getaddrinfo(host.c_str(), service.c_str(), &hints, &found); code != 0) {
    throw std::runtime_error("The address " + host + " is not known: " + gai_strerror(code));
  }
  int last_error = 0;
  for (const addrinfo* each = found; each; each = each->ai_next) {
    const int fd = socket(each->ai_family, each->ai_socktype | SOCK_CLOEXEC, each->ai_protocol);
    if (fd < 0) {
      last_error = errno;
      continue;
    }
    const int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, each->ai_addr, each->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0) {
      freeaddrinfo(found);
      return fd;
    }
    last_error = errno;
    close(fd);
  }
  freeaddrinfo(found);
  throw std::runtime_error("The store cannot listen at " + host + ":" + service + ": " + std::strerror(last_error));
}

static uint16_t port_of(int fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

// (host, port, isServer, timeout in ms): a server listens only on that address; port 0 lets the system choose one.
static napi_value TcpStore(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const std::string host = to_string(env, args[0], "host");
  const int64_t port = to_int64(env, args[1], "port");
  if (port < 0 || port > 65535) throw std::invalid_argument("Expected 0 to 65535 for port but received " + std::to_string(port));
  c10d::TCPStoreOptions options;
  options.port = static_cast<uint16_t>(port);
  options.isServer = to_bool(env, args[2], "isServer");
  options.waitWorkers = false;
  options.timeout = to_milliseconds(env, args[3], "timeout");
  if (options.isServer) {
    options.masterListenFd = bound_socket(host, options.port);
    options.port = port_of(*options.masterListenFd);
  }
  auto handle = std::make_unique<StoreHandle>();
  handle->store = c10::make_intrusive<c10d::TCPStore>(host, options);
  handle->port = options.port;
  return own(env, std::move(handle));
}

// (path, timeout in ms): a store in a file, for processes that share a disk.
static napi_value FileStore(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const std::string path = to_string(env, args[0], "path");
  const auto timeout = to_milliseconds(env, args[1], "timeout");
  // c10d would retry a failing open for five minutes.
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) throw std::runtime_error("The store " + path + " cannot be opened: " + std::strerror(errno));
  ::close(file);
  auto handle = std::make_unique<StoreHandle>();
  handle->store = c10::make_intrusive<c10d::FileStore>(path, -1);
  handle->store->setTimeout(timeout);
  return own(env, std::move(handle));
}

// (prefix, store): the same store with its own key namespace.
static napi_value PrefixedStore(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const auto& inner = owned<StoreHandle>(env, args[1], "a store");
  auto handle = std::make_unique<StoreHandle>();
  handle->store = c10::make_intrusive<c10d::PrefixStore>(to_string(env, args[0], "prefix"), inner.store);
  handle->port = inner.port;
  return own(env, std::move(handle));
}

static napi_value StorePort(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  return from_int64(env, owned<StoreHandle>(env, args[0], "a store").port);
}

static napi_value StoreSet(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const std::string value = to_string(env, args[2], "value");
  store_of(env, args[0]).set(to_string(env, args[1], "key"), std::vector<uint8_t>(value.begin(), value.end()));
  return nullptr;
}

// Waits until the key is set, up to the store's timeout.
static napi_value StoreGet(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const auto value = store_of(env, args[0]).get(to_string(env, args[1], "key"));
  return from_string(env, {reinterpret_cast<const char*>(value.data()), value.size()});
}

static napi_value StoreAdd(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  return from_int64(env, store_of(env, args[0]).add(to_string(env, args[1], "key"), to_int64(env, args[2], "amount")));
}

static napi_value StoreHas(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  napi_value out;
  check(env, napi_get_boolean(env, store_of(env, args[0]).check({to_string(env, args[1], "key")}), &out));
  return out;
}

// (store, keys, timeout in ms): throws if one is still missing then.
static napi_value StoreWait(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  store_of(env, args[0]).wait(to_strings(env, args[1], "keys"), to_milliseconds(env, args[2], "timeout"));
  return nullptr;
}

// ---- signs of life ------------------------------------------------------------------------------------------------

using Clock = std::chrono::steady_clock;

// A thread that signals to the store that its process is alive, and ends the process if another one no longer does: the
// main thread may be inside a collective, which can't be interrupted. Rank 0 watches all others; they watch rank 0 and
// what it has found.
class Heartbeat {
 public:
  struct Options {
    std::string host, prefix;
    uint16_t port;
    int rank, size, exit_code;
    pid_t parent;  // this process ends with it, unless 0
    milliseconds interval, limit;
  };

  explicit Heartbeat(Options options) : options_(std::move(options)), thread_([this] { run(); }) {}

  // The main thread has reached another collective.
  void arrive() { arrivals_++; }

  ~Heartbeat() {
    {
      std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

 private:
  struct Seen {
    std::string beat;
    Clock::time_point since = Clock::now();
  };

  void run() {
    try {
      c10d::TCPStoreOptions options;
      options.port = options_.port;
      options.waitWorkers = false;
      options.timeout = options_.limit;
      c10d::PrefixStore store(options_.prefix, c10::make_intrusive<c10d::TCPStore>(options_.host, options));
      for (uint64_t count = 0; !waited(options_.interval); count++) beat(store, count);
    } catch (const std::exception& error) {
      // The main thread learns the same from its collective, and can say more about it.
      if (!waited(options_.interval * 2)) end("Rank 0, which keeps the store of this run, does not answer: its process or machine is gone, or stopped.");
    }
  }

  void beat(c10d::Store& store, uint64_t count) {
    set(store, "beat/" + std::to_string(options_.rank), std::to_string(count));
    set(store, "arrivals/" + std::to_string(options_.rank), std::to_string(arrivals_));
    const auto now = Clock::now();
    std::vector<int> watched;
    if (options_.rank == 0) {
      for (int rank = 1; rank < options_.size; rank++) watched.push_back(rank);
    } else {
      watched.push_back(0);
    }
    std::string silent;
    for (const int rank : watched) {
      const std::string key = "beat/" + std::to_string(rank);
      const std::string value = store.check({key}) ? text(store.get(key)) : "";
      Seen& seen = seen_[rank];
      if (value != seen.beat) seen = {value, now};
      if (now - seen.since < options_.limit) continue;
      silent += (silent.empty() ? "" : ", ") + std::to_string(rank) + who(store, rank);
    }
    if (!silent.empty()) {
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(options_.limit).count();
      const std::string verdict = "No heartbeat for " + std::to_string(seconds) + " s from rank " + silent + ". It is stopped, or its machine is gone.";
      set(store, "lost", verdict);
      waited(options_.interval * 2);  // the others read it before the store disappears
      end(verdict);
    }
    if (store.check({"lost"})) end(text(store.get("lost")));
    if (options_.parent != 0 && getppid() != options_.parent) end("The launcher of this run is gone.");
  }

  static std::string who(c10d::Store& store, int rank) {
    const std::string key = "who/" + std::to_string(rank);
    return store.check({key}) ? " (" + text(store.get(key)) + ")" : "";
  }

  static void set(c10d::Store& store, const std::string& key, const std::string& value) {
    store.set(key, std::vector<uint8_t>(value.begin(), value.end()));
  }

  static std::string text(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

  // Returns whether the heartbeat was stopped while it waited.
  bool waited(milliseconds time) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, time, [this] { return stopped_; });
  }

  [[noreturn]] void end(const std::string& reason) {
    dprintf(STDERR_FILENO, "Rank %d ends: %s\n", options_.rank, reason.c_str());
    _exit(options_.exit_code);
  }

  Options options_;
  std::map<int, Seen> seen_;
  std::atomic<int64_t> arrivals_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  std::thread thread_;
};

struct HeartbeatHandle {
  static constexpr Tag kTag = Tag::Heartbeat;
  Tag tag = kTag;
  std::unique_ptr<Heartbeat> heartbeat;
};

// (host, port, prefix, rank, size, interval in ms, limit in ms, exit code, parent's process or 0)
static napi_value HeartbeatNew(napi_env env, napi_callback_info info) {
  Args<9> args(env, info);
  Heartbeat::Options options;
  options.host = to_string(env, args[0], "host");
  options.port = static_cast<uint16_t>(to_int64(env, args[1], "port"));
  options.prefix = to_string(env, args[2], "prefix");
  options.rank = static_cast<int>(to_int64(env, args[3], "rank"));
  options.size = static_cast<int>(to_int64(env, args[4], "size"));
  options.interval = to_milliseconds(env, args[5], "interval");
  options.limit = to_milliseconds(env, args[6], "limit");
  options.exit_code = static_cast<int>(to_int64(env, args[7], "exit code"));
  options.parent = static_cast<pid_t>(to_int64(env, args[8], "parent"));
  auto handle = std::make_unique<HeartbeatHandle>();
  handle->heartbeat = std::make_unique<Heartbeat>(std::move(options));
  return own(env, std::move(handle));
}

static napi_value HeartbeatArrive(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  if (auto& heartbeat = owned<HeartbeatHandle>(env, args[0], "a heartbeat").heartbeat) heartbeat->arrive();
  return nullptr;
}

static napi_value HeartbeatStop(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  owned<HeartbeatHandle>(env, args[0], "a heartbeat").heartbeat.reset();
  return nullptr;
}

// ---- process groups -----------------------------------------------------------------------------------------------

static napi_value finish(napi_env env, c10d::ProcessGroup::BackendType type, c10::DeviceType device, const StoreHandle& store,
                         int rank, int size, const c10::intrusive_ptr<c10d::Backend>& backend) {
  auto handle = std::make_unique<GroupHandle>();
  handle->group = c10::make_intrusive<c10d::ProcessGroup>(store.store, rank, size);
  handle->group->setBackend(device, type, backend);
  handle->group->setDefaultBackend(type);
  return own(env, std::move(handle));
}

// (store, rank, size, address, interface or null, timeout in ms): a group on CPUs that communicates from `address`, or
// through a named network interface.
static napi_value GlooGroup(napi_env env, napi_callback_info info) {
  Args<6> args(env, info);
  const auto& store = owned<StoreHandle>(env, args[0], "a store");
  const int rank = static_cast<int>(to_int64(env, args[1], "rank"));
  const int size = static_cast<int>(to_int64(env, args[2], "size"));
  auto options = c10d::ProcessGroupGloo::Options::create(to_milliseconds(env, args[5], "timeout"));
  options->devices.push_back(is_nullish(env, args[4])
                                 ? c10d::ProcessGroupGloo::createDeviceForHostname(to_string(env, args[3], "address"))
                                 : c10d::ProcessGroupGloo::createDeviceForInterface(to_string(env, args[4], "interface")));
  auto gloo = c10::make_intrusive<c10d::ProcessGroupGloo>(store.store, rank, size, options);
  return finish(env, c10d::ProcessGroup::BackendType::GLOO, c10::kCPU, store, rank, size, gloo);
}

// (store, rank, size, timeout in ms): a group on CUDA devices, each rank on its current one.
static napi_value NcclGroup(napi_env env, napi_callback_info info) {
#ifdef PIXART_NCCL
  Args<4> args(env, info);
  const auto& store = owned<StoreHandle>(env, args[0], "a store");
  const int rank = static_cast<int>(to_int64(env, args[1], "rank"));
  const int size = static_cast<int>(to_int64(env, args[2], "size"));
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = to_milliseconds(env, args[3], "timeout");
  auto nccl = c10::make_intrusive<c10d::ProcessGroupNCCL>(store.store, rank, size, options);
  return finish(env, c10d::ProcessGroup::BackendType::NCCL, c10::kCUDA, store, rank, size, nccl);
#else
  (void)env;
  (void)info;
  throw std::runtime_error("This addon has no NCCL: it was built against a libtorch without CUDA, or without NCCL's headers beside it");
#endif
}

static napi_value HasNccl(napi_env env, napi_callback_info) {
#ifdef PIXART_NCCL
  const bool has = true;
#else
  const bool has = false;
#endif
  napi_value out;
  check(env, napi_get_boolean(env, has, &out));
  return out;
}

static c10d::ReduceOp reduce_op(napi_env env, napi_value value) {
  const std::string name = to_string(env, value, "reduction");
  if (name == "sum") return c10d::ReduceOp::SUM;
  if (name == "min") return c10d::ReduceOp::MIN;
  if (name == "max") return c10d::ReduceOp::MAX;
  throw std::invalid_argument("Expected sum, min or max for reduction but received " + name);
}

// (group, tensor, reduction): in place.
static napi_value AllReduce(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  std::vector<at::Tensor> tensors{tensor_of(env, args[1], "tensor")};
  c10d::AllreduceOptions options;
  options.reduceOp = reduce_op(env, args[2]);
  group_of(env, args[0]).allreduce(tensors, options)->wait();
  return nullptr;
}

// (group, tensor, root): in place.
static napi_value Broadcast(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  std::vector<at::Tensor> tensors{tensor_of(env, args[1], "tensor")};
  c10d::BroadcastOptions options;
  options.rootRank = to_int64(env, args[2], "root");
  group_of(env, args[0]).broadcast(tensors, options)->wait();
  return nullptr;
}

// (group, output, input): output's first dimension concatenates those of all ranks' inputs.
static napi_value AllGather(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  at::Tensor output = tensor_of(env, args[1], "output");
  at::Tensor input = tensor_of(env, args[2], "input");
  group_of(env, args[0])._allgather_base(output, input)->wait();
  return nullptr;
}

// (group, output, input, reduction): output is this rank's slice of the reduced input's first dimension.
static napi_value ReduceScatter(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  at::Tensor output = tensor_of(env, args[1], "output");
  at::Tensor input = tensor_of(env, args[2], "input");
  c10d::ReduceScatterOptions options;
  options.reduceOp = reduce_op(env, args[3]);
  auto& group = group_of(env, args[0]);
  // Gloo checks its inputs only with assertions that end the process.
  const bool has_rows = output.dim() > 0 && input.dim() == output.dim();
  if (!has_rows || output.sizes().slice(1) != input.sizes().slice(1) || output.size(0) * group.getSize() != input.size(0) ||
      output.scalar_type() != input.scalar_type() || output.device() != input.device())
    throw std::invalid_argument("Expected an output of the input's type, with its rows divided by the number of ranks");
  group._reduce_scatter_base(output, input, options)->wait();
  return nullptr;
}

// ---- gradients ----------------------------------------------------------------------------------------------------

// (group, parameters, names, bucket bytes): averages these parameters' gradients in the backward passes that
// reducerPrepare announces.
static napi_value ReducerNew(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const auto& group = owned<GroupHandle>(env, args[0], "a process group").group;
  auto parameters = tensors_of(env, args[1], "parameters");
  auto names = to_strings(env, args[2], "names");
  const int64_t bytes = to_int64(env, args[3], "bucket bytes");
  // libtorch checks none of this.
  if (parameters.empty() || names.size() != parameters.size())
    throw std::invalid_argument("Expected one or more parameters, with a name each");
  for (const auto& parameter : parameters) {
    if (!parameter.requires_grad() || !parameter.is_leaf())
      throw std::invalid_argument("Expected parameters that are leaves with requiresGrad");
    if (parameter.device().is_meta()) throw std::invalid_argument("Expected parameters with memory but received one on meta");
  }
  if (bytes < 1) throw std::invalid_argument("Expected 1 or more for bucket bytes but received " + std::to_string(bytes));
  const auto first_bytes = std::min<int64_t>(bytes, c10d::kDefaultFirstBucketBytes);
  const std::vector<bool> sparse(parameters.size(), false);
  c10d::verify_params_across_processes(group, parameters, std::nullopt);
  // Gradients become ready in roughly the reverse order of the parameters.
  std::reverse(parameters.begin(), parameters.end());
  std::reverse(names.begin(), names.end());
  std::unordered_map<size_t, std::string> names_by_index;
  for (size_t i = 0; i < names.size(); i++) names_by_index[i] = names[i];
  auto buckets = std::get<0>(c10d::compute_bucket_assignment_by_size(parameters, {static_cast<size_t>(first_bytes), static_cast<size_t>(bytes)}, sparse));
  auto handle = std::make_unique<ReducerHandle>();
  handle->reducer = std::make_unique<c10d::Reducer>(parameters, std::move(buckets), group, sparse, bytes, /*find_unused_parameters=*/false,
                                                    /*gradient_as_bucket_view=*/true, std::move(names_by_index), first_bytes,
                                                    /*skip_all_reduce_unused_params=*/false, /*use_python_reducer=*/false, std::vector<int64_t>{});
  // DDP re-sorts its buckets after the first backward pass. A number's position in a bucket decides the order in which
  // more than two ranks' values are added: a resumed run's first step would differ in its last bits. So the buckets are
  // final from the start.
  handle->reducer->push_rebuilt_params_for_all_indices();
  handle->reducer->rebuild_buckets();
  return own(env, std::move(handle));
}

static c10d::Reducer& reducer_of(napi_env env, napi_value value) {
  auto& reducer = owned<ReducerHandle>(env, value, "a reducer").reducer;
  if (!reducer) throw std::invalid_argument("Expected a reducer that was not freed");
  return *reducer;
}

// Call before a forward pass: its backward leaves averages over all ranks in the parameters' grad. Backward passes
// without this call leave, or add, the rank's own.
static napi_value ReducerPrepare(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  auto& reducer = reducer_of(env, args[0]);
  reducer.prepare_for_forward();
  reducer.prepare_for_backward({});
  return nullptr;
}

// Throws if a parameter got no gradient in the announced backward pass.
static napi_value ReducerCheck(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  reducer_of(env, args[0]).check_finalized();
  return nullptr;
}

// Removes its hooks from the parameters.
static napi_value ReducerFree(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  owned<ReducerHandle>(env, args[0], "a reducer").reducer.reset();
  return nullptr;
}

const std::vector<Export> kDistributedExports = {
    {"tcpStore", guarded<TcpStore>},
    {"fileStore", guarded<FileStore>},
    {"prefixedStore", guarded<PrefixedStore>},
    {"storePort", guarded<StorePort>},
    {"storeSet", guarded<StoreSet>},
    {"storeGet", guarded<StoreGet>},
    {"storeAdd", guarded<StoreAdd>},
    {"storeHas", guarded<StoreHas>},
    {"storeWait", guarded<StoreWait>},
    {"glooGroup", guarded<GlooGroup>},
    {"ncclGroup", guarded<NcclGroup>},
    {"hasNccl", guarded<HasNccl>},
    {"allReduce", guarded<AllReduce>},
    {"broadcast", guarded<Broadcast>},
    {"allGather", guarded<AllGather>},
    {"reduceScatter", guarded<ReduceScatter>},
    {"reducerNew", guarded<ReducerNew>},
    {"reducerPrepare", guarded<ReducerPrepare>},
    {"reducerCheck", guarded<ReducerCheck>},
    {"reducerFree", guarded<ReducerFree>},
    {"heartbeatNew", guarded<HeartbeatNew>},
    {"heartbeatArrive", guarded<HeartbeatArrive>},
    {"heartbeatStop", guarded<HeartbeatStop>},
};

}  // namespace pixart
