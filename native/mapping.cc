// Tensors whose elements are in a mapped part of a file.
#include "mapping.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "tensor.h"

namespace pixart {

// A private mapping of a range of a file that need not begin at a page boundary. Writing to it never changes the file.
struct Mapping {
  void* base = MAP_FAILED;
  size_t length = 0;
  char* data = nullptr;

  Mapping(int file, uint64_t offset, uint64_t bytes) {
    const uint64_t lead = offset % static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    length = bytes + lead;
    base = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, static_cast<off_t>(offset - lead));
    if (base == MAP_FAILED) throw std::runtime_error(std::string("the file could not be mapped: ") + std::strerror(errno));
    data = static_cast<char*>(base) + lead;
    // All of it will be read, so reading ahead may begin. If the kernel declines, it only costs time.
    madvise(base, length, MADV_WILLNEED);
  }
  ~Mapping() { munmap(base, length); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
};

// libtorch aligns its own memory to 64 bytes. Kernels may round differently on memory that is not (MKL's do on AMD processors), so
// that equal weights at unequal addresses give unequal pictures.
constexpr uint64_t kAlignment = 64;

// The most that is copied for alignment. Larger tensors stay mapped: a text encoder of 19 GB must not be in memory
// twice.
constexpr uint64_t kLargestCopy = 1 << 20;

// For tests: with PIXART_MISALIGN=1, every tensor read from a file is 8 bytes after an aligned address.
static uint64_t misalignment() {
  const char* wanted = std::getenv("PIXART_MISALIGN");
  return wanted && std::strcmp(wanted, "1") == 0 ? 8 : 0;
}

// A copy whose address is `shift` bytes after an aligned one.
static at::Tensor copied(const char* data, uint64_t bytes, const std::vector<int64_t>& shape, at::TensorOptions options, uint64_t shift) {
  if (shift == 0) {
    at::Tensor copy = at::empty(shape, options);
    std::memcpy(copy.mutable_data_ptr(), data, bytes);
    return copy;
  }
  at::Tensor memory = at::empty({static_cast<int64_t>(bytes + shift)}, at::kByte);
  char* begin = static_cast<char*>(memory.mutable_data_ptr()) + shift;
  std::memcpy(begin, data, bytes);
  return at::from_blob(begin, shape, [memory](void*) {}, options);
}

static uint64_t size_argument(napi_env env, napi_value value, const char* name) {
  const int64_t size = to_int64(env, value, name);
  if (size < 0) throw std::invalid_argument(std::string("Expected a size of at least 0 for ") + name + " but received " + std::to_string(size));
  return static_cast<uint64_t>(size);
}

// (file descriptor, offset, bytes, dtype, shape): a tensor over that range. The file may be closed or removed
// afterwards; the range is unmapped with the last tensor that uses it. A range that is not aligned is copied if it is
// small, or if its offset does not suit the dtype.
static napi_value MapTensor(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  const int file = static_cast<int>(to_int64(env, args[0], "file"));
  const uint64_t offset = size_argument(env, args[1], "offset");
  const uint64_t bytes = size_argument(env, args[2], "bytes");
  const auto dtype = dtype_argument(env, args[3]);
  const auto shape = to_int64_list(env, args[4], "shape");
  check_bytes(shape, dtype, bytes);
  const auto options = at::TensorOptions().dtype(dtype);
  struct stat found;
  if (fstat(file, &found) != 0) throw std::runtime_error(std::string("the file could not be read: ") + std::strerror(errno));
  // Touching a page after the end of the file would end the process.
  const auto size = static_cast<uint64_t>(found.st_size);
  if (size < offset || size - offset < bytes) {
    throw std::invalid_argument("Expected a file of " + std::to_string(offset + bytes) + " bytes or more but received one of " + std::to_string(size));
  }
  if (bytes == 0) return wrap(env, state_of(env), at::empty(shape, options));
  auto mapping = std::make_unique<Mapping>(file, offset, bytes);
  const uint64_t shift = misalignment();
  const bool aligned = offset % kAlignment == 0;
  if (shift != 0 || offset % c10::elementSize(dtype) != 0 || (!aligned && bytes <= kLargestCopy)) {
    return wrap(env, state_of(env), copied(mapping->data, bytes, shape, options, shift));
  }
  Mapping* owned = mapping.release();
  return wrap(env, state_of(env), at::from_blob(owned->data, shape, [owned](void*) { delete owned; }, options));
}

// (tensor): lets the system reclaim the memory of its whole pages now. Those of a mapped file are read again when used;
// changed ones are kept. No effect if the system does not support it.
static napi_value PageOut(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const at::Tensor& tensor = tensor_of(env, args[0], "tensor");
#ifdef MADV_PAGEOUT
  if (!tensor.is_cpu()) return nullptr;
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(tensor.storage().data());
  const uintptr_t first = (begin + page - 1) / page * page;
  const uintptr_t last = (begin + tensor.storage().nbytes()) / page * page;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_PAGEOUT);
#endif
  return nullptr;
}

const std::vector<Export> kMappingExports = {
    {"mapTensor", guarded<MapTensor>},
    {"pageOut", guarded<PageOut>},
};

}  // namespace pixart
