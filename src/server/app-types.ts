import type { HttpBindings } from "@hono/node-server";
import type { Context, Hono } from "hono";

/** What the middleware passes to routes. */
export interface AppEnv {
  Bindings: HttpBindings;
  Variables: {
    /** Name of the client: a key's short name, or an IP address. */
    client: string;
    /** Whether the caller may change anything. */
    canControl: boolean;
    requestId: string;
  };
}

export type App = Hono<AppEnv>;
export type AppContext = Context<AppEnv>;
