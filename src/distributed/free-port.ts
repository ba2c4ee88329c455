import { createServer } from "node:net";
import { InternalError } from "../errors/index.ts";

/** A port on loopback that is free at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string")
    throw new InternalError("The system assigned no port");
  return address.port;
}
