/** A failure inside libtorch or the addon: names the operator, the shapes it got and libtorch's first line. */
export class TorchError extends Error {
  override readonly name: string = "TorchError";

  constructor(message: string) {
    super(firstParagraph(message));
  }
}

/** A use of a tensor whose memory was already given back. */
export class TensorDisposedError extends TorchError {
  override readonly name: string = "TensorDisposedError";
}

// libtorch appends dispatch tables, C++ frames and advice on linking that help nobody outside it.
const TAIL =
  /\n(Exception raised from|\s*\n|CPU: registered at)| This could be because the operator doesn't exist for this backend| PyTorch splits its backend into two shared libraries/;

const firstParagraph = (message: string): string => {
  const end = message.search(TAIL);
  return (end < 0 ? message : message.slice(0, end)).trim();
};
