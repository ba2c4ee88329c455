import { native } from "./binding.ts";
import type { Tensor } from "./tensor.ts";
import { wrap } from "./wrap.ts";

declare const tokenBrand: unique symbol;
/** Represents a tensor in transit between threads: a number that can be sent with `postMessage`. */
export type TensorToken = number & { readonly [tokenBrand]: "tensor" };

/**
 * Hands a tensor to the thread of this process that calls {@link adopt} with the token, once: both then share the same memory,
 * and nothing is copied. The other thread's tensor has no gradient history. Its memory stays allocated until it is adopted; the
 * thread that shared it may take it back.
 */
export const share = (tensor: Tensor): TensorToken => native.share(tensor.handle) as TensorToken;

/** The tensor that was shared under a token. Throws if it was already adopted. */
export const adopt = (token: TensorToken): Tensor => wrap(native.adopt(token));
