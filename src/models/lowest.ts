/** Stands for minus infinity in front of a softmax: the lowest bfloat16, which wider floats hold too. */
export const LOWEST = -3.3895313892515355e38;
