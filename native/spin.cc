// How long threads of OpenMP wait for each other awake.
#include "spin.h"

#ifdef _OPENMP
#include <omp.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#endif

namespace pixart {

#ifdef _OPENMP

// libgomp's threads spin for 3 ms before they sleep. While the process has more of them than processors, for a moment
// only (do_spin() in GCC's libgomp/config/linux/wait.h). So a team of sleeping threads, one for each processor, shortens
// all waiting, and its end restores it: neither variables of the environment nor libgomp's functions can do that in a
// process that runs.
class Crowd {
 public:
  Crowd() : thread_([this] { hold(); }) {}

  ~Crowd() {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    ended_.notify_one();
    thread_.join();
  }

 private:
  void hold() {
    // The thread itself is not counted.
#pragma omp parallel num_threads(omp_get_num_procs() + 1)
    {
#pragma omp barrier
    }
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return ends_; });
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  bool ends_ = false;
  std::thread thread_;  // last: it uses the others
};

// The process's: they outlive its static objects.
static std::mutex& spin_mutex() {
  static auto* mutex = new std::mutex;
  return *mutex;
}

static std::optional<Crowd>& crowd() {
  static auto* crowd = new std::optional<Crowd>;
  return *crowd;
}

static bool is_claimed = false;

// Machines of more processors keep libgomp's waiting: a crowd would take as many threads, and libgomp ends the process if
// it can't have them.
constexpr int kMostProcessors = 64;

// Whether this environment is the one that decides for the process. It gives that up, and restores the waiting, when it
// ends.
static napi_value ClaimSpin(napi_env env, napi_callback_info) {
  const std::lock_guard lock(spin_mutex());
  const bool is_first = !is_claimed && omp_get_num_procs() <= kMostProcessors;
  if (is_first) {
    is_claimed = true;
    const auto leave = [](void*) {
      const std::lock_guard lock(spin_mutex());
      crowd().reset();
      is_claimed = false;
    };
    check(env, napi_add_env_cleanup_hook(env, leave, nullptr));
  }
  napi_value out;
  check(env, napi_get_boolean(env, is_first, &out));
  return out;
}

// (spins): whether waiting threads spin. For the whole process.
static napi_value SetSpin(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const bool spins = to_bool(env, args[0], "spins");
  const std::lock_guard lock(spin_mutex());
  if (spins) {
    crowd().reset();
  } else if (!crowd()) {
    crowd().emplace();
  }
  return nullptr;
}

#else

static napi_value ClaimSpin(napi_env env, napi_callback_info) {
  napi_value out;
  check(env, napi_get_boolean(env, false, &out));
  return out;
}

static napi_value SetSpin(napi_env, napi_callback_info) {
  return nullptr;
}

#endif

const std::vector<Export> kSpinExports = {{"claimSpin", guarded<ClaimSpin>}, {"setSpin", guarded<SetSpin>}};

}  // namespace pixart
