// The project's own operators, pixart::NAME.
#pragma once

namespace torch {
class Library;
}

namespace pixart {

void define_attention(torch::Library& library);
void define_convolution(torch::Library& library);
void define_fused(torch::Library& library);
void define_group_norm(torch::Library& library);
void define_int8(torch::Library& library);
void define_products(torch::Library& library);
void define_updates(torch::Library& library);

// Call once per process, before an operator is looked up. A second copy of the addon finds those of the first.
void define_operators();

}  // namespace pixart
