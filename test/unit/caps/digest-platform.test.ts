import { createHash } from "node:crypto";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { fromBase64, HASH_FUNCTIONS, hashFunction, toBase64 } from "../../../src/caps/digest.js";

afterEach(() => {
  vi.restoreAllMocks();
  vi.resetModules();
});

it("text is hashed as UTF-8, as Node.js does it", () => {
  const text = "Ψ 😀 ａ";
  expect(hashFunction("sha-256").digest(text)).toBe(
    createHash("sha256").update(text, "utf8").digest("base64"),
  );
});

it("base64 is that of Node.js, both ways", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (octets) => {
      const text = toBase64(octets);
      expect(text).toBe(Buffer.from(octets).toString("base64"));
      expect(fromBase64(text)).toEqual(octets);
    }),
  );
});

describe("where the platform has no hash functions", () => {
  const load = async (builtin: unknown) => {
    vi.resetModules();
    vi.spyOn(process, "getBuiltinModule").mockReturnValue(builtin as never);
    return await import("../../../src/caps/digest.js");
  };

  it.each([
    ["no built-in modules", undefined],
    ["a crypto module of old", {}],
    [
      "a build without the function",
      {
        hash: () => {
          throw new Error("unsupported");
        },
      },
    ],
  ])("with %s, the results are the same", async (_, builtin) => {
    const own = HASH_FUNCTIONS.map((name) => hashFunction(name).digest("abc"));
    const bare = await load(builtin);
    expect(HASH_FUNCTIONS.map((name) => bare.hashFunction(name).digest("abc"))).toEqual(own);
  });

  it("any text hashes to the same, lone surrogates too", async () => {
    const bare = await load(undefined);
    const functions = HASH_FUNCTIONS.map((name) => [hashFunction(name), bare.hashFunction(name)] as const);
    // At first use each looks for what the platform has.
    for (const [, software] of functions) software.digest("");
    vi.restoreAllMocks();
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.constantFrom("", "\ud83d"), (text, end) => {
        for (const [own, software] of functions)
          expect(software.digest(text + end)).toBe(own.digest(text + end));
      }),
      { numRuns: 20 },
    );
  });

  it("nothing is asked of the platform before a hash is wanted", async () => {
    const { hashFunction } = await load(undefined);
    expect(process.getBuiltinModule).not.toHaveBeenCalled();
    hashFunction("sha-1").digest("");
    expect(process.getBuiltinModule).toHaveBeenCalledOnce();
  });
});
