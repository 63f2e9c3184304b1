import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { copied, shared } from "../../../src/xml/keep.ts";

// Whether a text refers to another one cannot be seen in a test; `npm run bench` measures the memory.

describe.each([
  ["a shared text", shared],
  ["a copied text", copied],
])("%s", (_, keep) => {
  test("is equal to what it was made of, half surrogate pairs included", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 400 }), (text) => {
        expect(keep(text)).toBe(text);
      }),
    );
    for (const text of ["\ud800 is half a character", "\ufeffwith a mark before it", "x".repeat(1_000_000)]) {
      expect(keep(text)).toBe(text);
    }
  });
});

describe("shared texts", () => {
  test("are right also after there were more than are known", () => {
    for (let index = 0; index < 25_000; index += 1) shared(`urn:example:feature:${index}`);
    expect(shared("urn:example:feature:5")).toBe("urn:example:feature:5");
    expect(shared("urn:example:feature:24999")).toBe("urn:example:feature:24999");
  });
});
