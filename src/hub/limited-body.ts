/** A body that was read up to a limit. */
export interface LimitedBody {
  readonly text: string;
  /** In bytes, decompressed. */
  readonly length: number;
  /** False if it exceeded the limit: the rest was not read. */
  readonly isWhole: boolean;
}

/** Reads a body as UTF-8, at most `limit` bytes and the chunk that exceeds them. */
export async function readBody(response: Response, limit: number): Promise<LimitedBody> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (reader !== undefined && length <= limit) {
    const next = await reader.read();
    if (next.done) return { text: decoded(chunks), length, isWhole: true };
    chunks.push(next.value);
    length += next.value.byteLength;
  }
  await reader?.cancel();
  const isWhole = reader === undefined;
  return { text: isWhole ? "" : decoded(chunks).slice(0, limit), length, isWhole };
}

const decoded = (chunks: readonly Uint8Array[]): string =>
  new TextDecoder().decode(Buffer.concat(chunks));
