import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { HubError, resolveModel } from "../../src/hub/index.ts";
import { modelFiles, name, testHub, transformerFiles, treeOf } from "./hub-fixture.ts";

const weightFile = "transformer/diffusion_pytorch_model.safetensors";
const token = "hf_ThisIsASecret";
const resolveTransformer = (revision?: string, model = name): Promise<string> =>
  resolveModel(model, { revision, files: transformerFiles });
const failure = async (promise: Promise<unknown>): Promise<Error> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Error) return error;
  throw new Error("expected it to fail");
};

describe("what the Hub refuses", () => {
  it("an unknown model", async () => {
    const { server } = await testHub();
    const host = new URL(server.endpoint).host;
    const error = await failure(resolveTransformer(undefined, "someone/else"));
    expect(error).toBeInstanceOf(HubError);
    expect(error.message).toBe(
      `no folder someone/else here; as a name on the Hub: ${host} shows no model of this name (404); check the spelling, and for a private model set HF_TOKEN to a token that may read it`,
    );
    // A folder of this project with one letter changed.
    await expect(resolveTransformer(undefined, "models/emoji-smal")).rejects.toThrow(
      'no folder models/emoji-smal here (did you mean "./models/emoji-small"?); as a name on the Hub: ',
    );
  });

  it("a reader without the right token", async () => {
    const { server } = await testHub();
    const { endpoint } = server;
    const { host } = new URL(endpoint);
    server.token = token;
    await expect(resolveTransformer()).rejects.toThrow(
      `no folder ${name} here; as a name on the Hub: ${host} shows no model of this name (401); check the spelling, and for a private model set HF_TOKEN to a token that may read it`,
    );
    vi.stubEnv("HF_TOKEN", "hf_expired");
    await expect(resolveTransformer()).rejects.toThrow(
      `${name}: ${host} refuses the token of HF_TOKEN (401); make a new one at ${endpoint}/settings/tokens`,
    );
    server.refusal = { status: 404, headers: { "x-error-code": "RepoNotFound" } };
    await expect(resolveTransformer()).rejects.toThrow(
      "for a private model check that the token of HF_TOKEN may read it",
    );
    server.refusal = { status: 403, headers: { "x-error-code": "GatedRepo" } };
    await expect(resolveTransformer()).rejects.toThrow(
      `${name}: the model is gated (403); accept its conditions at ${endpoint}/${name} and set HF_TOKEN to a token of that account`,
    );
    server.refusal = { status: 403, headers: { "x-error-message": "no read permission" } };
    await expect(resolveTransformer()).rejects.toThrow(
      `${name}: ${host} forbids access (403, no read permission); check that the token of HF_TOKEN may read it`,
    );
    const words = "Access to this resource is disabled.";
    server.refusal = { status: 403, headers: { "x-error-message": words } };
    await expect(resolveTransformer()).rejects.toThrow(
      `${name}: ${host} has disabled the model (403), so nobody can download it; use another one`,
    );
    server.refusal = { status: 418 };
    await expect(resolveTransformer()).rejects.toThrow(
      `${name}: expected an answer from ${host}/api/models/${name}/revision/main but received 418`,
    );
  });

  it("an unknown revision", async () => {
    const { server } = await testHub();
    await expect(resolveTransformer("v9")).rejects.toThrow(
      `${name}: expected a branch, tag or commit of this model for revision but ${new URL(server.endpoint).host} has no "v9"`,
    );
    for (const bad of ["../../../etc", "a/../b", "/main", "a b", ""]) {
      await expect(resolveTransformer(bad)).rejects.toThrow(
        `Expected a branch, a tag or a commit for revision but received ${JSON.stringify(bad)}`,
      );
    }
  });

  it("files that the model does not have, before any is downloaded", async () => {
    const { server, commit, model } = await testHub({
      ...modelFiles,
      "transformer/config.json": "",
    });
    const files = [
      { names: ["transformer/config.json"] },
      { names: ["text_encoder/config.json"] },
      { names: ["transformer/x.safetensors", "transformer/x.bin"] },
    ];
    const error = await failure(resolveModel(name, { files }));
    expect(error.message).toBe(
      `${name}: expected text_encoder/config.json, transformer/x.safetensors or transformer/x.bin in commit ${commit} but found ${Object.keys(
        modelFiles,
      )
        .filter((path) => path.startsWith("transformer/"))
        .join(", ")}`,
    );
    expect(server.log("storage")).toEqual([]);
    expect(existsSync(model)).toBe(false);
  });
});

describe("the token", () => {
  it("goes to the endpoint alone, and is shown nowhere", async () => {
    const { server, model, talk } = await testHub();
    server.token = token;
    vi.stubEnv("HF_TOKEN", ` ${token}\n`);
    await resolveTransformer();
    const received = (host: string): (string | undefined)[] =>
      server.requests.filter((seen) => seen.host === host).map((seen) => seen.authorization);
    expect(new Set(received("hub"))).toEqual(new Set([`Bearer ${token}`]));
    expect(received("storage")).toEqual([undefined]);
    // From the file that `hf auth login` writes.
    rmSync(model, { recursive: true });
    vi.stubEnv("HF_TOKEN", undefined);
    writeFileSync(join(process.env.HF_HOME ?? "", "token"), token);
    await resolveTransformer();
    server.token = "hf_another";
    vi.stubEnv("HF_HUB_OFFLINE", undefined);
    const { message } = await failure(resolveTransformer());
    expect(message).toContain(`refuses the token of ${process.env.HF_HOME}/token (401)`);
    expect(message + talk()).not.toContain(token);
  });

  it("must be one that a header can carry", async () => {
    const { server } = await testHub();
    vi.stubEnv("HF_TOKEN", "hf_ü secret");
    const { message } = await failure(resolveTransformer());
    expect(message).toBe(
      "Expected an access token in HF_TOKEN but found characters that no token has; copy it again",
    );
    expect(server.requests).toEqual([]);
  });
});

describe("a network that is not there", () => {
  it("is named, and the cache is gone on with", async () => {
    const { server, commit, model, talk } = await testHub();
    const folder = await resolveTransformer();
    const host = new URL(server.endpoint).host;
    const why = (code: string): string =>
      `${host} could not be reached (${code}); check the network and HF_ENDPOINT, or set HF_HUB_OFFLINE=1 to use what is cached`;
    await server.stop();
    expect(await resolveTransformer()).toBe(folder);
    // The connection that was open is noticed first.
    expect(talk()).toContain(
      `${name}: ${why("UND_ERR_SOCKET")}. Using revision ${commit} from the cache.\n`,
    );
    await expect(resolveTransformer("v1")).rejects.toThrow(`${name}: ${why("ECONNREFUSED")}`);
    rmSync(model, { recursive: true });
    await expect(resolveTransformer()).rejects.toThrow(
      `no folder ${name} here; as a name on the Hub: ${why("ECONNREFUSED")}`,
    );
  });

  it("may answer with an error of its own", async () => {
    const { server } = await testHub();
    server.refusal = { status: 503 };
    await expect(resolveTransformer()).rejects.toThrow(
      `${new URL(server.endpoint).host} answers 503; try again later, or set HF_HUB_OFFLINE=1 to use what is cached`,
    );
  });

  it("may be none of a Hub's", async () => {
    const { server } = await testHub();
    server.refusal = { status: 200, headers: { "content-type": "application/json" }, body: "{}" };
    await expect(resolveTransformer()).rejects.toThrow(
      `${name}: expected a commit from ${server.endpoint} but received nothing; check HF_ENDPOINT`,
    );
    server.refusal = { status: 302, headers: { location: "/api/models" } };
    await expect(resolveTransformer()).rejects.toThrow("redirects more than 5 times");
    server.refusal = { status: 302, headers: { location: "file:///etc/passwd" } };
    await expect(resolveTransformer()).rejects.toThrow("redirects to a place that is not https");
    vi.stubEnv("HF_ENDPOINT", "https://me:secret@hub");
    const { message } = await failure(resolveTransformer());
    expect(message).toBe(
      "Expected an http or https address without a user name for HF_ENDPOINT but received something else",
    );
  });
});

describe("offline", () => {
  it("names what is missing, where, and the variable", async () => {
    const { server, commit, cache, model } = await testHub();
    vi.stubEnv("HF_HUB_OFFLINE", "yes");
    await expect(resolveTransformer()).rejects.toThrow(
      `no folder ${name} here; as a name on the Hub: revision main is not in the cache ${cache}, and HF_HUB_OFFLINE forbids downloads; unset it`,
    );
    vi.stubEnv("HF_HUB_OFFLINE", undefined);
    const folder = await resolveTransformer(commit);
    server.requests.length = 0;
    vi.stubEnv("TRANSFORMERS_OFFLINE", "1");
    await expect(resolveTransformer()).rejects.toThrow(
      `revision main is not in the cache ${cache}, and TRANSFORMERS_OFFLINE forbids downloads; unset it, or ask for revision ${commit}`,
    );
    rmSync(join(folder, "transformer/config.json"));
    rmSync(join(folder, weightFile));
    mkdirSync(join(model, "refs"), { recursive: true });
    writeFileSync(join(model, "refs/main"), commit);
    await expect(resolveTransformer()).rejects.toThrow(
      `${name}: transformer/config.json, ${weightFile} or ${weightFile}.index.json or transformer/diffusion_pytorch_model.bin is not in the cache`,
    );
    expect(server.requests).toEqual([]);
  });
});

describe("the disk", () => {
  it.skipIf(process.platform !== "linux")("may be full", async () => {
    const { cache, model } = await testHub();
    const folder = await resolveTransformer();
    const blobs = join(model, "blobs");
    const [blob = ""] = Object.keys(treeOf(blobs)).filter((etag) => etag.length === 64);
    rmSync(join(folder, weightFile));
    rmSync(join(blobs, blob));
    symlinkSync("/dev/full", join(blobs, `${blob}.pixart.incomplete`));
    await expect(resolveTransformer()).rejects.toThrow(
      `${name}: the disk of ${cache} is full (ENOSPC); make room, or set HF_HUB_CACHE to a folder on another disk: what has arrived is kept`,
    );
  });

  it("may not let a cache be made", async () => {
    const { cache } = await testHub();
    writeFileSync(cache, "a file where the folder belongs");
    await expect(resolveTransformer()).rejects.toThrow(
      `${name}: the cache ${cache} cannot be written (ENOTDIR); set HF_HUB_CACHE to a folder that you can write to`,
    );
  });
});

describe("a hostile server cannot leave the cache", () => {
  it.each([
    [{ oid: "../../../evil" }, "expected a hash from"],
    [{ lfs: { oid: "../../../../evil", size: 1 } }, "expected a hash from"],
    [{ path: "../../../../evil" }, "expected a path inside the repository from"],
    [{ xetHash: "../../../evil" }, "expected a hash from"],
  ])("by an entry of its tree: %j", async (change, message) => {
    const { server, cache } = await testHub();
    server.rewriteTree = (entry) => ({ ...entry, ...change });
    await expect(resolveTransformer()).rejects.toThrow(message);
    expect(existsSync(cache)).toBe(false);
  });

  it("by its commit", async () => {
    const { server, cache } = await testHub();
    server.refusal = {
      status: 200,
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ sha: "../../evil" }),
    };
    await expect(resolveTransformer()).rejects.toThrow("expected a commit from");
    expect(existsSync(cache)).toBe(false);
  });

  it("by the shards of an index", async () => {
    const index = "transformer/diffusion_pytorch_model.safetensors.index.json";
    const { [weightFile]: _, ...files } = modelFiles;
    const { cache } = await testHub({
      ...files,
      [index]: '{"weight_map": {"w": "../../../../evil.safetensors"}}',
    });
    await expect(resolveTransformer()).rejects.toThrow(
      "expected the plain name of a .safetensors file of this folder",
    );
    expect(Object.keys(treeOf(cache)).filter((path) => path.includes("evil"))).toEqual([]);
  });
});
