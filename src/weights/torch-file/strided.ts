/**
 * The elements of a strided view in row-major order. `bytes` starts at the view's first element; strides count elements. Returns
 * the same array if the view already is in row-major order.
 */
export function gatherStrided(
  bytes: Uint8Array,
  elementSize: number,
  shape: readonly number[],
  strides: readonly number[],
): Uint8Array {
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (isRowMajor(shape, strides)) return bytes.subarray(0, count * elementSize);
  const gathered = new Uint8Array(count * elementSize);
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < count; to++) {
    for (let b = 0; b < elementSize; b++) {
      gathered[to * elementSize + b] = bytes[from * elementSize + b] ?? 0;
    }
    // Counts up like an odometer, last dimension first.
    for (let d = shape.length - 1; d >= 0; d--) {
      const [extent = 0, stride = 0, at = 0] = [shape[d], strides[d], index[d]];
      if (at + 1 < extent) {
        index[d] = at + 1;
        from += stride;
        break;
      }
      index[d] = 0;
      from -= at * stride;
    }
  }
  return gathered;
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    const extent = shape[d] ?? 0;
    // The stride along a dimension of one element is never used.
    if (extent !== 1 && strides[d] !== expected) return false;
    expected *= extent;
  }
  return true;
}
