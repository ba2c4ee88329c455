import {
  OpenAPIRegistry,
  OpenApiGeneratorV31,
  type RouteConfig,
} from "@asteasolutions/zod-to-openapi";
import { z } from "zod";
import {
  errorAnswer,
  imagesAnswer,
  jobAnswer,
  modelAnswer,
  modelsAnswer,
} from "./answers/answer-schemas.ts";
import { editRequest, generationRequest } from "./requests/request-schemas.ts";

type Responses = RouteConfig["responses"];
type Document = ReturnType<OpenApiGeneratorV31["generateDocument"]>;

const json = (schema: z.ZodType): { "application/json": { schema: z.ZodType } } => ({
  "application/json": { schema },
});

const ERRORS: Readonly<Record<number, string>> = {
  400: "A field is wrong: error.param names it",
  401: "A key is needed",
  403: "Another host or origin",
  404: "There is no such model, job or file",
  409: "The job was cancelled",
  413: "The body is too large",
  415: "Neither JSON nor a form",
  429: "The queue is full: Retry-After says when to try again",
  500: "It could not be drawn, after two tries",
  503: "Models are being loaded or can't be loaded again, or the server is shutting down",
};

const errors = (...statuses: readonly number[]): Responses =>
  Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: ERRORS[status] ?? "Error", content: json(errorAnswer) },
    ]),
  );

/** Of each event. */
const event = z.looseObject({ event: z.string(), data: z.string() });
const events = { "text/event-stream": { schema: event } };
const drawn: Responses = {
  200: {
    description: "The pictures; with stream, OpenAI's events of them",
    content: { ...json(imagesAnswer), ...events },
  },
  202: {
    description: "A job, where Prefer: respond-async was sent",
    content: json(jobAnswer),
  },
  ...errors(400, 401, 403, 404, 409, 413, 415, 429, 500, 503),
};
const PREFER = z
  .string()
  .optional()
  .meta({ description: "respond-async: answer at once with a job", example: "respond-async" });
const idOf = (description: string): z.ZodObject<{ id: z.ZodString }> =>
  z.object({ id: z.string().meta({ description }) });
const file = z.string().meta({ format: "binary" });

/** The server's API as an OpenAPI 3.1 document, generated from the schemas that validate requests. */
export function openApiDocument(version: string): Document {
  const registry = new OpenAPIRegistry();
  registry.registerComponent("securitySchemes", "key", { type: "http", scheme: "bearer" });
  const headers = z.object({ prefer: PREFER });
  const open: readonly RouteConfig[] = [
    {
      method: "get",
      path: "/health",
      summary: "Whether the server is running, and can draw or is about to",
      responses: {
        200: {
          description: "It is running",
          content: json(z.object({ status: z.literal("alive"), version: z.string() })),
        },
        ...errors(403, 503),
      },
    },
    {
      method: "get",
      path: "/ready",
      summary: "Whether models are loaded and requests are accepted",
      responses: {
        200: {
          description: "Ready",
          content: json(z.object({ status: z.literal("ready"), models: z.array(z.string()) })),
        },
        ...errors(403, 503),
      },
    },
  ];
  const locked: readonly RouteConfig[] = [
    {
      method: "get",
      path: "/v1/models",
      summary: "The models of this server, the default first",
      responses: {
        200: { description: "Models", content: json(modelsAnswer) },
        ...errors(401, 403),
      },
    },
    {
      method: "get",
      path: "/v1/models/{id}",
      summary: "One model",
      request: { params: idOf("Its name") },
      responses: {
        200: { description: "The model", content: json(modelAnswer) },
        ...errors(401, 403, 404),
      },
    },
    {
      method: "post",
      path: "/v1/images/generations",
      summary: "Draw pictures from a prompt",
      request: { headers, body: { required: true, content: json(generationRequest) } },
      responses: drawn,
    },
    {
      method: "post",
      path: "/v1/images/edits",
      summary: "Draw pictures from a picture and a prompt, all of it or where a mask says",
      request: {
        headers,
        body: {
          required: true,
          content: {
            ...json(editRequest),
            "multipart/form-data": {
              schema: editRequest.extend({ image: file, mask: file.nullish() }).meta({
                id: "EditForm",
                description: "The same as a form; image or image[] is a file",
              }),
            },
          },
        },
      },
      responses: drawn,
    },
    {
      method: "get",
      path: "/v1/jobs/{id}",
      summary: "A job's state, and its pictures once it is completed",
      request: { params: idOf("The job's id, from the answer that created it") },
      responses: {
        200: { description: "The job", content: json(jobAnswer) },
        ...errors(401, 403, 404),
      },
    },
    {
      method: "delete",
      path: "/v1/jobs/{id}",
      summary: "Cancel a job, before its next step",
      request: { params: idOf("The job's id, from the answer that created it") },
      responses: {
        200: { description: "The job as it is now", content: json(jobAnswer) },
        ...errors(401, 403, 404),
      },
    },
    {
      method: "get",
      path: "/v1/jobs/{id}/events",
      summary: "queued, progress, preview, completed, failed, cancelled, as they happen",
      request: { params: idOf("The job's id, from the answer that created it") },
      responses: {
        200: { description: "Server-sent events", content: events },
        ...errors(401, 403, 404, 429),
      },
    },
    {
      method: "get",
      path: "/metrics",
      summary: "Metrics for Prometheus",
      responses: {
        200: { description: "Text", content: { "text/plain": { schema: z.string() } } },
        ...errors(401, 403),
      },
    },
  ];
  for (const route of open) registry.registerPath(route);
  for (const route of locked) registry.registerPath({ ...route, security: [{ key: [] }, {}] });
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: "3.1.0",
    info: {
      title: "pixart serve",
      version,
      description:
        "Draws pictures from prompts, with the API of OpenAI's Images. All errors have one shape.",
    },
  });
}
