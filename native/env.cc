#include "env.h"

#include <c10/util/Exception.h>

namespace pixart {

EnvState& state_of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<EnvState*>(data);
}

void check(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) throw PendingException{};
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  throw std::runtime_error(info && info->error_message ? info->error_message : "Node-API call failed");
}

static void throw_instance(napi_env env, napi_ref constructor_ref, const std::string& message) {
  napi_value constructor = nullptr, text = nullptr, error = nullptr;
  if (constructor_ref) napi_get_reference_value(env, constructor_ref, &constructor);
  napi_create_string_utf8(env, message.data(), message.size(), &text);
  if (constructor && napi_new_instance(env, constructor, 1, &text, &error) == napi_ok) {
    napi_throw(env, error);
  } else {
    napi_throw_error(env, nullptr, message.c_str());
  }
}

void throw_to_js(napi_env env, const std::string& context) noexcept {
  EnvState& state = state_of(env);
  try {
    throw;
  } catch (const PendingException&) {
  } catch (const DisposedError& e) {
    throw_instance(env, state.disposed_error, context + e.what());
  } catch (const c10::Error& e) {
    throw_instance(env, state.torch_error, context + e.what_without_backtrace());
  } catch (const std::exception& e) {
    throw_instance(env, state.torch_error, context + e.what());
  } catch (...) {
    throw_instance(env, state.torch_error, context + "unknown native failure");
  }
}

bool is_nullish(napi_env env, napi_value value) {
  napi_valuetype type;
  check(env, napi_typeof(env, value, &type));
  return type == napi_undefined || type == napi_null;
}

[[noreturn]] static void wrong_type(napi_env env, napi_value value, const char* name, const char* expected) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  static const char* const kNames[] = {"undefined", "null",     "boolean",  "number",   "string",
                                       "symbol",    "an object", "a function", "a native handle", "a bigint"};
  throw std::invalid_argument(std::string("Expected ") + expected + " for " + name + " but received " +
                              kNames[static_cast<int>(type)]);
}

double to_double(napi_env env, napi_value value, const char* name) {
  double out;
  if (napi_get_value_double(env, value, &out) != napi_ok) wrong_type(env, value, name, "a number");
  return out;
}

bool bigint_to_int64(napi_env env, napi_value value, const char* name, int64_t& out) {
  bool lossless = false;
  if (napi_get_value_bigint_int64(env, value, &out, &lossless) != napi_ok) return false;
  if (!lossless) throw std::invalid_argument(std::string("Expected an integer of at most 64 bits for ") + name + " but received a larger one");
  return true;
}

int64_t to_int64(napi_env env, napi_value value, const char* name) {
  double number;
  if (napi_get_value_double(env, value, &number) == napi_ok) {
    if (!(number >= -9007199254740992.0 && number <= 9007199254740992.0) || number != static_cast<double>(static_cast<int64_t>(number))) {
      throw std::invalid_argument(std::string("Expected an integer for ") + name + " but received " + std::to_string(number));
    }
    return static_cast<int64_t>(number);
  }
  int64_t big;
  if (bigint_to_int64(env, value, name, big)) return big;
  wrong_type(env, value, name, "an integer");
}

bool to_bool(napi_env env, napi_value value, const char* name) {
  bool out;
  if (napi_get_value_bool(env, value, &out) != napi_ok) wrong_type(env, value, name, "a boolean");
  return out;
}

std::string to_string(napi_env env, napi_value value, const char* name) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) wrong_type(env, value, name, "a string");
  std::string out(length, '\0');
  check(env, napi_get_value_string_utf8(env, value, out.data(), length + 1, &length));
  return out;
}

std::vector<int64_t> to_int64_list(napi_env env, napi_value value, const char* name) {
  uint32_t length = 0;
  if (napi_get_array_length(env, value, &length) != napi_ok) wrong_type(env, value, name, "an array of integers");
  std::vector<int64_t> out(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    check(env, napi_get_element(env, value, i, &element));
    out[i] = to_int64(env, element, name);
  }
  return out;
}

napi_value from_int64(napi_env env, int64_t value) {
  napi_value out;
  check(env, napi_create_int64(env, value, &out));
  return out;
}

napi_value from_string(napi_env env, std::string_view value) {
  napi_value out;
  check(env, napi_create_string_utf8(env, value.data(), value.size(), &out));
  return out;
}

}  // namespace pixart
