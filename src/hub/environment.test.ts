import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readHubEnvironment } from "./environment.ts";

describe("readHubEnvironment", () => {
  it("knows the token by its variables, and says where it is from", () => {
    const token = (variables: Record<string, string>) =>
      readHubEnvironment({ HF_HOME: "/nowhere", ...variables }).token();
    expect(token({})).toBeUndefined();
    expect(token({ HF_TOKEN: " \n" })).toBeUndefined();
    expect(token({ HF_TOKEN: "hf_a\r\n" })).toEqual({ source: "HF_TOKEN", value: "hf_a" });
    expect(token({ HUGGING_FACE_HUB_TOKEN: "hf_b" })?.value).toBe("hf_b");
    expect(token({ HF_TOKEN: "hf_a", HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" })).toBeUndefined();
  });

  it("reads an address with or without a slash at its end", () => {
    const endpoint = (HF_ENDPOINT: string) => readHubEnvironment({ HF_ENDPOINT }).endpoint;
    expect(endpoint("")).toBe("https://huggingface.co");
    expect(endpoint("http://localhost:8080//")).toBe("http://localhost:8080");
    for (const bad of ["huggingface.co", "ftp://hub", "https://me:secret@hub"]) {
      expect(() => endpoint(bad)).toThrow(
        "Expected an http or https address without a user name for HF_ENDPOINT but received something else",
      );
    }
  });

  it("takes an empty variable for none", () => {
    const { cacheFolder, offlineBy, showsProgress } = readHubEnvironment({
      HF_HOME: "",
      HF_HUB_CACHE: "",
      HF_HUB_OFFLINE: "",
      HF_HUB_DISABLE_PROGRESS_BARS: "",
    });
    expect(cacheFolder).toBe(join(homedir(), ".cache/huggingface/hub"));
    expect(offlineBy).toBeUndefined();
    expect(showsProgress).toBe(true);
  });
});
