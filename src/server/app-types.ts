import type { HttpBindings } from "@hono/node-server";
import type { Context, Hono } from "hono";

/** What the middleware leaves for routes. */
export interface AppEnv {
  Bindings: HttpBindings;
  Variables: {
    /** Whose request it is: a key's short name, or an address. */
    client: string;
    /** Whether the caller may do more than look. */
    canControl: boolean;
    requestId: string;
  };
}

export type App = Hono<AppEnv>;
export type AppContext = Context<AppEnv>;
