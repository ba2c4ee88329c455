// How long threads of OpenMP wait for each other awake.
#include "spin.h"

#include <ATen/Parallel.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace pixart {

// libgomp's threads spin for 3 ms before they sleep. While the process has more of them than processors, for a moment
// only (do_spin() in GCC's libgomp/config/linux/wait.h). So a team of sleeping threads beyond that number shortens all
// waiting, and its end restores it: neither variables of the environment nor libgomp's functions can do that in a
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
#ifdef _OPENMP
    const int others = std::max(1, omp_get_num_procs() - at::get_num_threads() + 1);
#pragma omp parallel num_threads(others + 1)
    {
#pragma omp barrier
    }
#endif
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return ends_; });
  }

  std::mutex mutex_;
  std::condition_variable ended_;
  bool ends_ = false;
  std::thread thread_;  // last: it uses the others
};

// (spins): whether waiting threads spin. For the whole process.
static napi_value SetSpin(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const bool spins = to_bool(env, args[0], "spins");
  static auto* mutex = new std::mutex;  // both outlive the process's static objects
  static auto* crowd = new std::optional<Crowd>;
  const std::lock_guard lock(*mutex);
  if (spins) {
    crowd->reset();
  } else if (!*crowd) {
    crowd->emplace();
  }
  return nullptr;
}

const std::vector<Export> kSpinExports = {{"setSpin", guarded<SetSpin>}};

}  // namespace pixart
