import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadCorpus } from "./corpus.ts";
import { Fuzzer } from "./fuzzer.ts";
import { readElement } from "./markup.ts";
import { Strays } from "./strays.ts";
import { BrokenLaw, type Target } from "./target.ts";
import { TARGETS } from "./targets.ts";

/** The same inputs each time. */
const SEED = 20_261_121;

/** How many inputs of all targets together are made besides those of the corpus. */
const RUNS = 30_000;

const shares = TARGETS.reduce((sum, { share }) => sum + share, 0);
let strays: Strays;
beforeAll(() => {
  strays = new Strays();
});
afterAll(() => strays.stop());

describe("all laws hold", () => {
  test.for(TARGETS.map((target) => [target.about, target] as const))("for %s", async ([, target]) => {
    const fuzzer = new Fuzzer(target, SEED, strays);
    await target.start?.();
    try {
      const corpus = loadCorpus(target.name);
      expect(corpus.length).toBeGreaterThan(0);
      await fuzzer.replay([...corpus, ...target.seeds]);
      await fuzzer.run(Math.ceil((RUNS * target.share) / shares));
    } finally {
      await target.stop?.();
    }
    expect(fuzzer.findings).toEqual([]);
  });
});

describe("the fuzzer", () => {
  const target: Target = {
    name: "toy",
    about: "what the other tests are about",
    kind: "xml",
    share: 1,
    fresh: (TARGETS[0] as Target).fresh,
    seeds: [],
    run: (input) => (readElement(input) === undefined ? "no XML" : "XML"),
  };

  test("finds an input for which a law does not hold, and makes it small", async () => {
    const fuzzer = new Fuzzer(
      {
        ...target,
        run(input) {
          const features = readElement(input)?.getChildren("feature").length ?? 0;
          if (features >= 2) throw new BrokenLaw("there is one feature at the most");
          return String(features);
        },
      },
      SEED,
      strays,
    );
    await fuzzer.run(500);
    expect(fuzzer.findings[0]).toMatchObject({ law: "there is one feature at the most" });
    expect(fuzzer.findings[0]?.input).toMatch(/^<(\w+)><feature\/><feature\/><\/\1>$/);
  });

  test("finds what is thrown where nobody catches it", async () => {
    const fuzzer = new Fuzzer(
      {
        ...target,
        run(input) {
          if (input.includes("<field")) void Promise.reject(new Error("nobody looks"));
          return "done";
        },
      },
      SEED,
      strays,
    );
    await fuzzer.run(300);
    expect(fuzzer.findings[0]).toMatchObject({ law: "all that is thrown is caught", input: "<field" });
  });

  test("finds what is thrown and is no broken law", async () => {
    const fuzzer = new Fuzzer(
      {
        ...target,
        run: (input) => String(JSON.parse(input.includes("<x ") ? "{" : "1")),
      },
      SEED,
      strays,
    );
    await fuzzer.run(300);
    expect(fuzzer.findings[0]?.law).toMatch(/^nothing else is thrown: SyntaxError/);
  });

  test("has the same inputs again for a seed", async () => {
    const inputs = async () => {
      const seen: string[] = [];
      const fuzzer = new Fuzzer({ ...target, run: (input) => String(seen.push(input) % 7) }, 1, strays);
      await fuzzer.run(500);
      return seen;
    };
    expect(await inputs()).toEqual(await inputs());
  });

  test("keeps what has an outcome that there was not before", async () => {
    const fuzzer = new Fuzzer({ ...target, run: (input) => `${input.length % 3}` }, SEED, strays);
    await fuzzer.run(200);
    expect(fuzzer.corpus.map((input) => input.length % 3).sort()).toEqual([0, 1, 2]);
  });
});
