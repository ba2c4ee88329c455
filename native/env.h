// The addon's per-environment state, its errors, and the single catch-all around every exported function.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace pixart {

class TensorTable;
struct Op;

// One per JavaScript environment (main thread or worker).
struct EnvState {
  napi_env env = nullptr;
  TensorTable* tensors = nullptr;
  napi_ref torch_error = nullptr;
  napi_ref disposed_error = nullptr;
  std::vector<Op*> ops;
  std::vector<std::string> scope_names;
};

EnvState& state_of(napi_env env);

// Thrown if a JavaScript exception is already pending.
struct PendingException {};

// Thrown for a use of a disposed tensor; becomes TensorDisposedError.
struct DisposedError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Turns a failed Node-API status into a C++ exception.
void check(napi_env env, napi_status status);

// Rethrows the active C++ exception as a JavaScript error, with `context` before the message.
void throw_to_js(napi_env env, const std::string& context) noexcept;

using Body = napi_value (*)(napi_env, napi_callback_info);

// No C++ exception may cross into Node: it would abort the process.
template <Body body>
napi_value guarded(napi_env env, napi_callback_info info) noexcept {
  try {
    return body(env, info);
  } catch (...) {
    throw_to_js(env, {});
    return nullptr;
  }
}

// The arguments of a call; missing ones are undefined.
template <size_t N>
struct Args {
  napi_value values[N];
  size_t count = N;
  Args(napi_env env, napi_callback_info info) {
    check(env, napi_get_cb_info(env, info, &count, values, nullptr, nullptr));
  }
  napi_value operator[](size_t i) const { return values[i]; }
};

bool is_nullish(napi_env env, napi_value value);
double to_double(napi_env env, napi_value value, const char* name);
int64_t to_int64(napi_env env, napi_value value, const char* name);
// False if the value is not a bigint. Throws if it is one of more than 64 bits.
bool bigint_to_int64(napi_env env, napi_value value, const char* name, int64_t& out);
bool to_bool(napi_env env, napi_value value, const char* name);
std::string to_string(napi_env env, napi_value value, const char* name);
std::vector<int64_t> to_int64_list(napi_env env, napi_value value, const char* name);
napi_value from_int64(napi_env env, int64_t value);
napi_value from_string(napi_env env, std::string_view value);

struct Export {
  const char* name;
  napi_callback callback;
};

}  // namespace pixart
