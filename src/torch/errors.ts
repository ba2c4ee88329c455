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

// libtorch appends dispatch tables and C++ frames that help nobody outside it.
const firstParagraph = (message: string): string => {
  const end = message.search(/\n(Exception raised from|\s*\n|CPU: registered at)/);
  return (end < 0 ? message : message.slice(0, end)).trim();
};
