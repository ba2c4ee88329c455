import { native } from "./binding.ts";
import type { Tensor } from "./tensor.ts";
import { wrap } from "./wrap.ts";

declare const tokenBrand: unique symbol;
/** Stands for a tensor on its way from one thread to another: a number, to be sent by `postMessage`. */
export type TensorToken = number & { readonly [tokenBrand]: "tensor" };

/**
 * Hands a tensor to whichever thread of this process calls {@link adopt} with the token, once: both then have the same memory, and
 * nothing is copied. The other's has no gradient history. Until somebody takes it, its memory stays; whoever shared it may take it
 * back.
 */
export const share = (tensor: Tensor): TensorToken => native.share(tensor.handle) as TensorToken;

/** The tensor that was shared under a token. Throws where it has been taken already. */
export const adopt = (token: TensorToken): Tensor => wrap(native.adopt(token));
