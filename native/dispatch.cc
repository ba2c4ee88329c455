// The boxed call of any operator of libtorch's dispatcher, by its exact overload name. How to convert a call's
// arguments is prepared once from the schema.
#include "dispatch.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>

#include <memory>

#include "tensor.h"

namespace pixart {

enum class Kind : uint8_t { Tensor, Scalar, Float, Int, Bool, String, Device, Generator, List };

struct Argument {
  std::string name;
  Kind kind;
  Kind element = Kind::Int;      // for a list
  bool optional_element = false;  // Tensor?[], Scalar?[]
  bool optional = false;
  int32_t repeat = 0;  // int[2] accepts a single number for all its elements
  int64_t codes = 0;   // number of values of an enumeration: libtorch reads past its tables at any other number
  bool has_default = false;
  c10::IValue default_value;
};

struct Op {
  c10::OperatorHandle handle;
  std::string name;
  std::vector<Argument> arguments;
  bool in_place = false;  // its result is its first argument
  torch::jit::Stack stack;
};

static Kind kind_of(const c10::Type& type, const std::string& where) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType: return Kind::Tensor;
    case c10::TypeKind::NumberType: return Kind::Scalar;
    case c10::TypeKind::FloatType: return Kind::Float;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: return Kind::Int;
    case c10::TypeKind::BoolType: return Kind::Bool;
    case c10::TypeKind::StringType: return Kind::String;
    case c10::TypeKind::DeviceObjType: return Kind::Device;
    case c10::TypeKind::GeneratorType: return Kind::Generator;
    case c10::TypeKind::ListType: return Kind::List;
    default: throw std::invalid_argument(where + ": arguments of type " + type.str() + " are not supported");
  }
}

// Schemas pass enumerations as integers; only the real type tells them apart.
static int64_t codes_of(const c10::Type& real_type) {
  switch (real_type.kind()) {
    case c10::TypeKind::ScalarTypeType: return static_cast<int64_t>(c10::ScalarType::Undefined);
    case c10::TypeKind::LayoutType: return static_cast<int64_t>(c10::Layout::NumOptions);
    case c10::TypeKind::MemoryFormatType: return static_cast<int64_t>(c10::MemoryFormat::NumOptions);
    default: return 0;
  }
}

static Argument prepare(const c10::Argument& from, const std::string& op) {
  Argument out;
  out.name = from.name();
  const std::string where = op + ", argument " + out.name;
  c10::TypePtr type = from.type();
  c10::TypePtr real_type = from.real_type();
  if (auto optional = type->cast<c10::OptionalType>()) {
    out.optional = true;
    type = optional->getElementType();
  }
  if (auto optional = real_type->cast<c10::OptionalType>()) real_type = optional->getElementType();
  out.codes = codes_of(*real_type);
  out.kind = kind_of(*type, where);
  if (out.kind == Kind::List) {
    c10::TypePtr element = type->expectRef<c10::ListType>().getElementType();
    if (auto optional = element->cast<c10::OptionalType>()) {
      out.optional_element = true;
      element = optional->getElementType();
    }
    out.element = kind_of(*element, where);
    out.repeat = from.N().value_or(0);
  }
  if (from.default_value()) {
    out.has_default = true;
    out.default_value = *from.default_value();
  }
  return out;
}

static int64_t to_code(napi_env env, napi_value value, const Argument& argument) {
  const int64_t code = to_int64(env, value, argument.name.c_str());
  if (argument.codes > 0 && (code < 0 || code >= argument.codes)) {
    throw std::invalid_argument("Expected a code from 0 to " + std::to_string(argument.codes - 1) + " for " + argument.name +
                                " but received " + std::to_string(code));
  }
  return code;
}

static at::Scalar to_scalar(napi_env env, napi_value value, const char* name) {
  bool flag;
  if (napi_get_value_bool(env, value, &flag) == napi_ok) return flag;
  int64_t big;
  if (bigint_to_int64(env, value, name, big)) return big;
  const double number = to_double(env, value, name);
  // Integral numbers are passed as integers, like a Python int, so that integer tensors stay integer.
  if (number >= -9007199254740992.0 && number <= 9007199254740992.0 && number == static_cast<double>(static_cast<int64_t>(number))) {
    return static_cast<int64_t>(number);
  }
  return number;
}

template <typename T, typename Convert>
static c10::IValue to_list(napi_env env, napi_value value, const Argument& argument, Convert convert) {
  c10::List<T> list;
  bool is_array = false;
  check(env, napi_is_array(env, value, &is_array));
  if (!is_array) {
    if (argument.repeat == 0) throw std::invalid_argument("Expected an array for " + argument.name);
    const T single = convert(value);
    for (int32_t i = 0; i < argument.repeat; i++) list.push_back(single);
    return list;
  }
  uint32_t length = 0;
  check(env, napi_get_array_length(env, value, &length));
  list.reserve(length);
  for (uint32_t i = 0; i < length; i++) {
    napi_value element;
    check(env, napi_get_element(env, value, i, &element));
    list.push_back(convert(element));
  }
  return list;
}

static c10::IValue convert(napi_env env, napi_value value, const Argument& argument) {
  const char* name = argument.name.c_str();
  switch (argument.kind) {
    case Kind::Tensor: return tensor_of(env, value, name);
    case Kind::Scalar: return to_scalar(env, value, name);
    case Kind::Float: return to_double(env, value, name);
    case Kind::Int: return to_code(env, value, argument);
    case Kind::Bool: return to_bool(env, value, name);
    case Kind::String: return to_string(env, value, name);
    case Kind::Device: return c10::Device(to_string(env, value, name));
    case Kind::Generator: return generator_of(env, value, name);
    case Kind::List: break;
  }
  switch (argument.element) {
    case Kind::Tensor:
      if (argument.optional_element) {
        return to_list<std::optional<at::Tensor>>(env, value, argument, [&](napi_value v) -> std::optional<at::Tensor> {
          if (is_nullish(env, v)) return std::nullopt;
          return tensor_of(env, v, name);
        });
      }
      return to_list<at::Tensor>(env, value, argument, [&](napi_value v) { return tensor_of(env, v, name); });
    case Kind::Int: return to_list<int64_t>(env, value, argument, [&](napi_value v) { return to_int64(env, v, name); });
    case Kind::Float: return to_list<double>(env, value, argument, [&](napi_value v) { return to_double(env, v, name); });
    case Kind::Bool: return to_list<bool>(env, value, argument, [&](napi_value v) { return to_bool(env, v, name); });
    case Kind::Scalar:
      if (argument.optional_element) {
        return to_list<std::optional<at::Scalar>>(env, value, argument, [&](napi_value v) -> std::optional<at::Scalar> {
          if (is_nullish(env, v)) return std::nullopt;
          return to_scalar(env, v, name);
        });
      }
      return to_list<at::Scalar>(env, value, argument, [&](napi_value v) { return to_scalar(env, v, name); });
    default: throw std::invalid_argument("lists of this kind are not supported");
  }
}

static napi_value to_js(napi_env env, EnvState& state, c10::IValue&& value) {
  napi_value out;
  if (value.isTensor()) return wrap(env, state, std::move(value).toTensor());
  if (value.isTensorList()) {
    const auto tensors = std::move(value).toTensorVector();
    check(env, napi_create_array_with_length(env, tensors.size(), &out));
    for (size_t i = 0; i < tensors.size(); i++) check(env, napi_set_element(env, out, i, wrap(env, state, tensors[i])));
    return out;
  }
  if (value.isInt()) return from_int64(env, value.toInt());
  if (value.isDouble()) {
    check(env, napi_create_double(env, value.toDouble(), &out));
    return out;
  }
  if (value.isBool()) {
    check(env, napi_get_boolean(env, value.toBool(), &out));
    return out;
  }
  if (value.isNone()) {
    check(env, napi_get_null(env, &out));
    return out;
  }
  throw std::runtime_error("results of type " + value.type()->str() + " are not supported");
}

static std::pair<std::string, std::string> split_overload(const std::string& name) {
  const auto dot = name.find('.');
  return dot == std::string::npos ? std::pair{name, std::string()} : std::pair{name.substr(0, dot), name.substr(dot + 1)};
}

static c10::OperatorHandle find(const std::string& full_name) {
  const auto [name, overload] = split_overload(full_name);
  auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
  if (!handle) throw std::invalid_argument("this libtorch has no operator " + full_name);
  return *handle;
}

// ("aten::add.Tensor") → the operator's number for call(). A call reads its arguments into an array of this length.
constexpr size_t kMaxArguments = 32;

static napi_value Resolve(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const std::string name = to_string(env, args[0], "operator");
  auto op = std::make_unique<Op>(Op{find(name), name, {}, false, {}});
  const auto& schema = op->handle.schema();
  if (schema.arguments().size() > kMaxArguments) {
    throw std::invalid_argument(name + " takes more than " + std::to_string(kMaxArguments) + " arguments, which is the most of a call");
  }
  for (const auto& argument : schema.arguments()) op->arguments.push_back(prepare(argument, name));
  const auto& returns = schema.returns();
  op->in_place = returns.empty() || (returns.size() == 1 && returns[0].alias_info() && returns[0].alias_info()->isWrite());
  op->stack.reserve(op->arguments.size() + returns.size());
  auto& ops = state_of(env).ops;
  ops.push_back(op.release());
  return from_int64(env, static_cast<int64_t>(ops.size()) - 1);
}

static napi_value SchemaOf(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  return from_string(env, c10::toString(find(to_string(env, args[0], "operator")).schema()));
}

static std::string failure_context(const Op& op, const torch::jit::Stack& stack) {
  std::string out = op.name + "(";
  for (size_t i = 0; i < stack.size() && i < op.arguments.size(); i++) {
    const auto& value = stack[i];
    if (value.isTensor()) out += (out.back() == '(' ? "" : ", ") + op.arguments[i].name + " " + describe(value.toTensor());
  }
  return out + "): ";
}

// (op, ...arguments): undefined means the schema's default. In-place operators return undefined.
static napi_value Call(napi_env env, napi_callback_info info) noexcept {
  napi_value values[kMaxArguments + 1];
  size_t count = kMaxArguments + 1;
  if (napi_get_cb_info(env, info, &count, values, nullptr, nullptr) != napi_ok) return nullptr;
  EnvState& state = state_of(env);
  uint32_t index = 0;
  if (napi_get_value_uint32(env, values[0], &index) != napi_ok || index >= state.ops.size()) {
    napi_throw_error(env, nullptr, "Expected an operator's number");
    return nullptr;
  }
  Op& op = *state.ops[index];
  // The operator's stack keeps its memory between calls. It is moved out during a call: reading an argument may run a
  // JavaScript getter, which may call the same operator.
  torch::jit::Stack stack = std::move(op.stack);
  stack.clear();
  try {
    const size_t given = count - 1;
    for (size_t i = 0; i < op.arguments.size(); i++) {
      const Argument& argument = op.arguments[i];
      napi_valuetype type = napi_undefined;
      if (i < given) napi_typeof(env, values[i + 1], &type);
      if (type == napi_undefined && argument.has_default) {
        stack.push_back(argument.default_value);
      } else if (type == napi_undefined || type == napi_null) {
        if (!argument.optional) throw std::invalid_argument("Expected a value for " + argument.name + " but received none");
        stack.emplace_back();
      } else {
        stack.push_back(convert(env, values[i + 1], argument));
      }
    }
    op.handle.callBoxed(stack);
    napi_value out = nullptr;
    if (!op.in_place) {
      if (stack.size() == 1) {
        out = to_js(env, state, std::move(stack[0]));
      } else {
        check(env, napi_create_array_with_length(env, stack.size(), &out));
        for (size_t i = 0; i < stack.size(); i++) check(env, napi_set_element(env, out, i, to_js(env, state, std::move(stack[i]))));
      }
    }
    stack.clear();
    op.stack = std::move(stack);
    return out;
  } catch (...) {
    throw_to_js(env, failure_context(op, stack));
    stack.clear();
    op.stack = std::move(stack);
    return nullptr;
  }
}

const std::vector<Export> kDispatchExports = {
    {"resolve", guarded<Resolve>},
    {"schema", guarded<SchemaOf>},
    {"call", Call},
};

}  // namespace pixart
