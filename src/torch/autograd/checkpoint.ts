import { native } from "../binding.ts";
import { runInScope, scopeName } from "../scope.ts";
import { isSameTensor, retain, type Tensor } from "../tensor.ts";
import { handlesOf } from "../wrap.ts";
import { inPresentPrecision } from "./autocast.ts";

/**
 * One checkpointed call: its function, its inputs, and the leaf that represents its output in the graph after it. Gradient
 * checkpointing (Chen et al., 2016, arXiv 1604.06174) is implemented in TypeScript, as a tape of segments instead of a node in
 * libtorch's graph: such a node would have to call JavaScript from a GPU's thread.
 */
export interface Segment {
  readonly run: (...inputs: Tensor[]) => Tensor;
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
}

/** Segments recorded since the last backward, in the order they ran. */
export const activeTape: Segment[] = [];

const FORWARD = scopeName("checkpoint");
const RECOMPUTE = scopeName("checkpoint backward");

/**
 * Runs `run(...inputs)` without keeping what its backward needs; backward() runs it again instead, in the same mixed precision.
 * Every tensor that gradients must reach, except parameters, has to be among `inputs`. One backward() consumes all segments since
 * the last one; pass several losses as a list.
 */
export function checkpoint(
  run: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
): Tensor {
  if (!native.isGradEnabled()) return run(...inputs);
  const output = runInScope(FORWARD, () => {
    native.setGradEnabled(false);
    try {
      return run(...inputs).detach();
    } finally {
      native.setGradEnabled(true);
    }
  });
  output.requiresGrad_(true);
  // The tape outlives the scopes of the forward pass, so it holds its own handles.
  activeTape.push({
    run: inPresentPrecision(run),
    inputs: inputs.map(retain),
    output: retain(output),
  });
  return output;
}

/** Drops recorded segments, after a forward pass whose gradients are not needed. */
export const discardCheckpoints = (): void => disposeSegments(activeTape.splice(0));

/** Runs a backward pass, passing whether to retain its graph, and then those of the segments recorded before it. */
export function backwardThroughSegments(run: (retainGraph: boolean) => void): void {
  const segments = activeTape.splice(0);
  try {
    run(segments.length > 0);
    walk(segments);
  } finally {
    disposeSegments(segments);
  }
}

function disposeSegments(segments: readonly Segment[]): void {
  for (const { inputs, output } of segments) {
    for (const tensor of [output, ...inputs]) tensor.dispose();
  }
}

interface Pending {
  readonly tensor: Tensor;
  readonly gradient: Tensor;
}

/**
 * Walks the tape backwards: recomputes a segment with gradients, passes its inputs' gradients on, and drops it. A tensor that
 * several segments take (the shared modulation, the caption) is passed on once, with its whole gradient, after the earliest of
 * them. Graphs are retained because two such tensors may share what is before them.
 */
function walk(segments: readonly Segment[]): void {
  let pending: Pending[] = [];
  segments.forEach((_, fromEnd) => {
    const index = segments.length - 1 - fromEnd;
    const segment = segments[index];
    if (segment === undefined) return;
    runInScope(RECOMPUTE, () => {
      for (const [input, gradient] of inputGradients(segment)) {
        const known = pending.find(({ tensor }) => isSameTensor(tensor, input));
        if (known === undefined)
          pending.push({ tensor: retain(input), gradient: retain(gradient) });
        else known.gradient.add_(gradient);
      }
      const earlier = segments.slice(0, index).flatMap(({ inputs }) => inputs);
      const isReady = ({ tensor }: Pending): boolean =>
        !earlier.some((t) => isSameTensor(t, tensor));
      const ready = pending.filter(isReady);
      pending = pending.filter((entry) => !isReady(entry));
      if (ready.length > 0) {
        const gradients = ready.map(({ gradient }) => gradient);
        native.backward(
          handlesOf(ready.map(({ tensor }) => tensor)),
          handlesOf(gradients),
          true,
          false,
        );
      }
      for (const { tensor, gradient } of ready) {
        tensor.dispose();
        gradient.dispose();
      }
    });
    disposeSegments([segment]);
  });
}

function inputGradients(segment: Segment): [Tensor, Tensor][] {
  const gradient = segment.output.grad;
  if (gradient === undefined) return [];
  const leaves = segment.inputs.map((input) => input.detach().requiresGrad_(input.requiresGrad));
  const wasEnabled = native.setGradEnabled(true);
  try {
    const output = segment.run(...leaves);
    if (output.requiresGrad) {
      backwardThroughSegments((retainGraph) =>
        native.backward([output.handle], [gradient.handle], retainGraph, false),
      );
    }
  } finally {
    native.setGradEnabled(wasEnabled);
    discardCheckpoints();
  }
  return segment.inputs.flatMap((input, i): [Tensor, Tensor][] => {
    const inputGradient = leaves[i]?.grad;
    return input.requiresGrad && inputGradient !== undefined ? [[input, inputGradient]] : [];
  });
}
