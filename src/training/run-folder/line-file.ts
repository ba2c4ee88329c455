import { createReadStream } from "node:fs";

/** Lines joined into one chunk: some hundred kilobytes. */
const AT_ONCE = 4096;

/** Lines as the bytes of a file, chunk by chunk: millions of lines exceed the maximum string length. */
export function* linesToBytes(lines: Iterable<string>): Generator<Uint8Array> {
  let some: string[] = [];
  for (const line of lines) {
    if (some.push(`${line}\n`) < AT_ONCE) continue;
    yield Buffer.from(some.join(""));
    some = [];
  }
  if (some.length > 0) yield Buffer.from(some.join(""));
}

/** The lines of a file, in chunks. */
export async function* readLines(path: string): AsyncGenerator<readonly string[]> {
  let rest = "";
  for await (const piece of createReadStream(path, "utf8")) {
    const lines = (rest + String(piece)).split("\n");
    rest = lines.pop() ?? "";
    yield lines;
  }
  if (rest !== "") yield [rest];
}
