#include "operators.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/library.h>

#include <cstdlib>
#include <mutex>
#include <string>

#include "cpu.h"

namespace pixart {

void define_operators() {
  static std::once_flag once;
  std::call_once(once, [] {
    const char* kernels = std::getenv("PIXART_KERNELS");
    uses_own_kernels = !kernels || std::string(kernels) != "libtorch";
    if (c10::Dispatcher::singleton().findSchema({"pixart::linear", ""})) return;
    // Never freed, because operators may be called while the process exits.
    auto* library = new torch::Library(torch::Library::FRAGMENT, "pixart", std::nullopt, __FILE__, __LINE__);
    for (const auto define :
         {define_attention, define_convolution, define_fused, define_group_norm, define_int8, define_products, define_updates})
      define(*library);
  });
}

}  // namespace pixart
