/** Represents minus infinity before a softmax: the lowest bfloat16, which wider floats can hold too. */
export const LOWEST = -3.3895313892515355e38;
