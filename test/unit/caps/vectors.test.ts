import { describe, expect, it } from "vitest";
import { HASH_FUNCTIONS } from "../../../src/caps/digest.js";
import { xep0115 } from "../../../src/caps/xep0115.js";
import { UnhashableInfo, xep0390 } from "../../../src/caps/xep0390.js";
import { DiscoInfo } from "../../../src/disco/info.js";
import { readVectors } from "../../support/vectors.ts";
import { parse } from "../../support/xml.js";

type Hashes = Record<string, string>;

interface Vector {
  name: string;
  about: string;
  status?: "must" | "should" | "either";
  xml: string;
  caps115: {
    verdict?: "well-formed" | "ill-formed";
    reason?: string;
    S?: string;
    ver?: Hashes;
    announcedVer?: Hashes;
  };
  caps390: Hashes;
  wrong?: Hashes[];
  published?: Hashes;
}

interface Capture {
  id: string;
  hash: string;
  node: string;
  ver: string;
  verdict: "match" | "mismatch" | "ill-formed";
  reason?: string;
  mutation?: string;
  xml: string;
  caps390: Hashes & { error?: string };
}

const readJson = <T>(file: string): T => JSON.parse(readVectors(file)) as T;
const readLines = <T>(file: string): T[] =>
  readVectors(file)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as T);

const infoOf = (xml: string): DiscoInfo => DiscoInfo.fromElement(parse(xml));
const known = (hashes: Hashes): [string, string][] =>
  Object.entries(hashes).filter(([name]) => HASH_FUNCTIONS.includes(name));

/** What XEP-0390 makes of an information is what the vector has: hashes, or an error. */
function expect390(info: DiscoInfo, expected: Hashes): void {
  const error = expected["result"] === "error" ? expected["reason"] : expected["error"];
  if (error !== undefined) {
    expect(xep0390.flaw(info)).toBe(error);
    expect(() => xep0390.hashInput(info)).toThrow(UnhashableInfo);
    expect(xep0390.verify(info, "A".repeat(43), "sha-256")).toBe(false);
    expect(xep0390.shareable(info)).toBe(false);
    return;
  }
  if (expected["input"] !== undefined) expect(xep0390.hashInput(info)).toBe(expected["input"]);
  const hashes = known(expected);
  expect(hashes.length).toBeGreaterThan(0);
  for (const [algorithm, hash] of hashes) {
    expect(xep0390.hash(info, algorithm), algorithm).toBe(hash);
    expect(xep0390.verify(info, hash, algorithm), algorithm).toBe(true);
  }
  expect(xep0390.verify(info, Object.fromEntries(hashes))).toBe(true);
}

function expect115(info: DiscoInfo, { caps115, wrong = [] }: Vector): void {
  for (const hashes of wrong) {
    for (const [algorithm, hash] of known(hashes)) {
      expect(xep0115.hash(info, algorithm), hashes["because"]).not.toBe(hash);
      expect(xep0115.verify(info, hash, algorithm), hashes["because"]).toBe(false);
    }
  }
  if (caps115.verdict === "ill-formed") {
    expect(xep0115.flaw(info)).toBe(caps115.reason);
    expect(xep0115.shareable(info)).toBe(false);
    for (const [algorithm, hash] of Object.entries(caps115.announcedVer ?? {})) {
      expect(xep0115.hash(info, algorithm)).toBe(hash);
      expect(xep0115.verify(info, hash, algorithm)).toBe(false);
      expect(xep0115.vouched(info, hash, algorithm)).toBeUndefined();
    }
    return;
  }
  expect(xep0115.flaw(info)).toBeUndefined();
  expect(xep0115.verificationString(info)).toBe(caps115.S);
  for (const [algorithm, hash] of Object.entries(caps115.ver ?? {})) {
    expect(xep0115.hash(info, algorithm), algorithm).toBe(hash);
    expect(xep0115.verify(info, hash, algorithm), algorithm).toBe(true);
  }
}

describe("the worked examples of the specifications, and values known from elsewhere", () => {
  const { vectors } = readJson<{ vectors: Vector[] }>("spec-examples.json");

  it.each(vectors)("$name: $about", (vector) => {
    const info = infoOf(vector.xml);
    expect115(info, vector);
    expect390(info, vector.caps390);
    for (const [what, hash] of Object.entries(vector.published ?? {})) {
      const [xep, algorithm] = what.split(" ");
      expect((xep === "XEP-0115" ? xep0115 : xep0390).hash(info, algorithm)).toBe(hash);
    }
  });
});

describe("edge cases of the XEP-0115 string", () => {
  const { vectors } = readJson<{ vectors: Vector[] }>("caps115-edge.json");

  // The preferred outcome throughout, also where the file has alternatives.
  it.each(vectors)("$name ($status): $about", (vector) => {
    const info = infoOf(vector.xml);
    expect115(info, vector);
    expect390(info, vector.caps390);
  });
});

describe("pairs that a careless XEP-0115 string confuses", () => {
  interface Pair {
    name: string;
    about: string;
    kind: "preventable" | "inherent";
    ver: Hashes;
    victim: string;
    attacker: string;
    caps390: { victim: Hashes; attacker: Hashes };
  }
  const { pairs } = readJson<{ pairs: Pair[] }>("caps115-collisions.json");

  it.each(pairs)("$name ($kind): $about", ({ kind, ver, caps390, ...texts }) => {
    const victim = infoOf(texts.victim);
    const attacker = infoOf(texts.attacker);
    for (const [algorithm, hash] of Object.entries(ver)) {
      expect(xep0115.verify(victim, hash, algorithm)).toBe(true);
      expect(xep0115.verify(attacker, hash, algorithm)).toBe(kind === "inherent");
      // Never both: a hash vouches for one information.
      const vouched = [victim, attacker].filter(
        (info) => xep0115.vouched(info, hash, algorithm) !== undefined,
      );
      expect(vouched).toHaveLength(1);
    }
    expect390(victim, caps390.victim);
    expect390(attacker, caps390.attacker);
    for (const [algorithm, hash] of Object.entries(caps390.victim)) {
      expect(xep0390.verify(attacker, hash, algorithm)).toBe(false);
    }
  });
});

describe("edge cases of XEP-0390", () => {
  interface Vector390 {
    name: string;
    about: string;
    status: string;
    xml: string;
    expected: Hashes;
    wrong?: Hashes[];
  }
  const file = readJson<{
    vectors: Vector390[];
    nodes: { algo: string; value: string; node: string }[];
    notNodes: string[];
    hashSets: { name: string; about: string; hashes: Hashes; xml: string; expected: string }[];
  }>("caps390-edge.json");

  it.each(file.vectors)("$name ($status): $about", ({ xml, expected, wrong = [] }) => {
    const info = infoOf(xml);
    expect390(info, expected);
    for (const hashes of wrong) {
      for (const [algorithm, hash] of known(hashes)) {
        expect(xep0390.hash(info, algorithm), hashes["because"]).not.toBe(hash);
      }
    }
    if (expected["node"] !== undefined) {
      const value = xep0390.hash(info, "sha-256");
      expect(xep0390.node({ algorithm: "sha-256", value })).toBe(expected["node"]);
    }
  });

  it.each(file.nodes)("composes and splits the node $node", ({ algo: algorithm, value, node }) => {
    expect(xep0390.node({ algorithm, value })).toBe(node);
    expect(xep0390.splitNode(node)).toEqual({ algorithm, value });
  });

  it.each(file.notNodes)("does not take %j for a node", (text) => {
    expect(xep0390.splitNode(text)).toBeUndefined();
  });

  it.each(file.hashSets)("hash set $name: $about", ({ hashes, xml, expected }) => {
    const info = infoOf(xml);
    // Of what may be either, the stricter: who announces one wrong hash is not believed in the other.
    expect(xep0390.verify(info, hashes)).toBe(expected === "verified");
    for (const [algorithm, value] of Object.entries(hashes)) {
      const right = known(hashes).some(([name]) => name === algorithm) && !/^A+=?$/.test(value);
      expect(xep0390.vouched(info, value, algorithm) !== undefined, algorithm).toBe(right);
    }
  });
});

describe("what a presence announces", () => {
  interface Announcement {
    name: string;
    about: string;
    xml: string;
    expected: { caps115: object | null; caps390: { hashes: Hashes; queries: string[] } | null };
  }
  const { vectors } = readJson<{ vectors: Announcement[] }>("caps-elements.json");

  it.each(vectors)("$name: $about", ({ xml, expected }) => {
    const presence = parse(xml);
    expect(xep0115.parse(presence) ?? null).toEqual(expected.caps115);
    const hashes = xep0390.parse(presence)?.map(({ algorithm, value }) => [algorithm, value] as const);
    const nodes = xep0390.announced(presence)?.map(({ node }) => node);
    if (expected.caps390 === null) {
      expect(hashes).toBeUndefined();
      expect(nodes).toBeUndefined();
    } else {
      expect(Object.fromEntries(hashes ?? [])).toEqual(expected.caps390.hashes);
      expect(nodes).toEqual(expected.caps390.queries);
    }
  });
});

describe.each(["capsdb-sample.jsonl", "capsdb-mutations.jsonl"])("real programs: %s", (file) => {
  it.each(readLines<Capture>(file))("$id: $verdict", ({ hash, ver, verdict, reason, xml, caps390 }) => {
    const info = infoOf(xml);
    expect(xep0115.verify(info, ver, hash)).toBe(verdict === "match");
    if (verdict === "match") expect(xep0115.hash(info, hash)).toBe(ver);
    if (verdict === "ill-formed") expect(xep0115.flaw(info)).toBe(reason);
    if (hash === "md5" || verdict !== "match") expect(xep0115.vouched(info, ver, hash)).toBeUndefined();
    expect390(info, caps390);
  });
});

it("all real programs whose hash fits may be shared, but for MD5 and forms that the hash leaves out", () => {
  const withheld = readLines<Capture>("capsdb-sample.jsonl")
    .filter(({ verdict, hash, xml, ver }) => verdict === "match" && !xep0115.vouched(infoOf(xml), ver, hash))
    .filter(({ hash }) => hash !== "md5");
  expect(withheld).toEqual([]);
});

it("every record of the vector files was read", () => {
  const list = (file: string, key: string) => (readJson<Record<string, unknown[]>>(file)[key] ?? []).length;
  expect({
    examples: list("spec-examples.json", "vectors"),
    edge115: list("caps115-edge.json", "vectors"),
    collisions: list("caps115-collisions.json", "pairs"),
    edge390: list("caps390-edge.json", "vectors"),
    nodes: list("caps390-edge.json", "nodes") + list("caps390-edge.json", "notNodes"),
    hashSets: list("caps390-edge.json", "hashSets"),
    elements: list("caps-elements.json", "vectors"),
    sample: readLines("capsdb-sample.jsonl").length,
    mutations: readLines("capsdb-mutations.jsonl").length,
  }).toEqual({
    examples: 7,
    edge115: 37,
    collisions: 4,
    edge390: 21,
    nodes: 9,
    hashSets: 5,
    elements: 13,
    sample: 244,
    mutations: 64,
  });
});
