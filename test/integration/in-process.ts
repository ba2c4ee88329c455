import { createProgram } from "../../src/cli/program.ts";

/** What a command wrote. */
export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `pixart …` in this process, with its flags read as on a command line. Rejects with the command's own error. */
export async function pixartHere(...args: readonly string[]): Promise<CommandOutput> {
  const program = createProgram();
  const stdout = capture(process.stdout);
  const stderr = capture(process.stderr);
  try {
    await program.parseAsync([...args], { from: "user" });
  } finally {
    for (const { release } of [stdout, stderr]) release();
  }
  return { stdout: stdout.texts.join(""), stderr: stderr.texts.join("") };
}

/** Keeps what is written to a stream from it, until released. */
function capture(stream: NodeJS.WriteStream): { readonly texts: string[]; release(): void } {
  const { write } = stream;
  const texts: string[] = [];
  stream.write = (text: string | Uint8Array) => {
    texts.push(String(text));
    return true;
  };
  return {
    texts,
    release: () => {
      stream.write = write;
    },
  };
}
