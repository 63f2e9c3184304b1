import xml, { type Element } from "@xmpp/xml";
import { describe, expect, test } from "vitest";
import type { CapsAlgorithm } from "../../../src/caps/algorithm.ts";
import { type Announcement, Announcements } from "../../../src/caps/announcements.ts";
import { NS_CAPS, NS_CAPS2, NS_HASHES, xep0115, xep0390 } from "../../../src/index.ts";
import { parse } from "../../support/xml.ts";
import { c115, c390, presence, presenceOf, present, software } from "./support.ts";

const PC = software("PC");
const PHONE = software("Phone");

/** Somebody, by number. */
const jidOf = (i: number) => `contact${i}@capulet.example/x`;

const table = (maxJids = 100) => new Announcements([xep0390, xep0115], maxJids);

const all = () => true;

/** What a presence with these children announces. */
const read = (known: Announcements, ...children: Element[]): Announcement | undefined =>
  known.read(presence(jidOf(0), ...children), all);

/** A `<c/>` of XEP-0115 with a hash that stands for nothing. */
const anyC115 = (ver: string, node = "https://any.example") =>
  xml("c", { xmlns: NS_CAPS, hash: "sha-1", node, ver });

describe("what a presence announces", () => {
  test("is nothing where there is no <c/>", () => {
    expect(read(table())).toBeUndefined();
    expect(read(table(), xml("x", "urn:example:x"))).toBeUndefined();
    expect(read(table(), xml("c", "urn:example:c"))).toBeUndefined();
  });

  test.each(["unavailable", "error", "subscribe", "probe"])("is nothing where it is of type %s", (type) => {
    expect(table().read(presenceOf(type, jidOf(0), c115(PC), c390(PC)), all)).toBeUndefined();
  });

  test("is what XEP-0390 has before what XEP-0115 has, wherever they stand", () => {
    const { capabilities } = present(read(table(), c115(PC), c390(PC, "sha3-256", "sha-256")));
    expect(capabilities.map(({ caps, algorithm, value }) => [caps.xmlns, algorithm, value])).toEqual([
      [NS_CAPS2, "sha3-256", xep0390.hash(PC, "sha3-256")],
      [NS_CAPS2, "sha-256", xep0390.hash(PC, "sha-256")],
      [NS_CAPS, "sha-1", xep0115.hash(PC)],
    ]);
  });

  test("is what is believed: of XEP-0115 alone where XEP-0390 is switched off", () => {
    const isSupported = (caps: CapsAlgorithm) => caps.xmlns === NS_CAPS;
    const both = presence(jidOf(0), c115(PC), c390(PC));
    const { capabilities } = present(table().read(both, isSupported));
    expect(capabilities.map(({ caps }) => caps.xmlns)).toEqual([NS_CAPS]);
    expect(table().read(presence(jidOf(0), c390(PC)), isSupported)).toBeUndefined();
  });

  test.each([
    [
      "legacy, without a hash",
      xml("c", { xmlns: NS_CAPS, node: "https://old.example", ver: "1.0", ext: "a b" }),
    ],
    ["of an unknown hash function", xml("c", { xmlns: NS_CAPS, node: "n", ver: "v", hash: "shake-128" })],
    ["of MD5", xml("c", { xmlns: NS_CAPS, node: "n", ver: "v", hash: "md5" })],
    ["without a node", xml("c", { xmlns: NS_CAPS, ver: "v", hash: "sha-1" })],
    ["without anything", xml("c", { xmlns: NS_CAPS })],
    ["a set of hashes without one", xml("c", { xmlns: NS_CAPS2 })],
    [
      "a hash that is none",
      xml("c", { xmlns: NS_CAPS2 }, xml("hash", { xmlns: NS_HASHES, algo: "sha-256" }, "?")),
    ],
    ["a hash without a function", xml("c", { xmlns: NS_CAPS2 }, xml("hash", { xmlns: NS_HASHES }, "AAAA"))],
  ])("is there, and of no use, where it is %s", (_what, c) => {
    expect(present(read(table(), c)).capabilities).toEqual([]);
  });

  test("is one object for all who announce the same", () => {
    const known = table();
    const first = read(known, c115(PC), c390(PC));
    expect(read(known, c115(PC), c390(PC))).toBe(first);
    expect(read(known, c115(PHONE), c390(PC))).not.toBe(first);
    expect(read(known, c115(PC))).not.toBe(first);
  });

  test("differs with the address of the software: it is where to ask", () => {
    const known = table();
    const [a, b] = ["https://a.example", "https://b.example"].map((node) => read(known, anyC115("v", node)));
    expect(a?.capabilities[0]?.key).toBe(b?.capabilities[0]?.key);
    expect([a, b].map((one) => one?.capabilities[0]?.node)).toEqual([
      "https://a.example#v",
      "https://b.example#v",
    ]);
  });

  test("is of no use where it is too long, and never like another", () => {
    const known = table();
    const long = anyC115("v", `https://${"long".repeat(1_000)}.example`);
    const first = present(read(known, long));
    expect(first.capabilities).toEqual([]);
    expect(known.set(jidOf(0), first)).toBe(true);
    expect(known.set(jidOf(0), present(read(known, long)))).toBe(true);
  });

  test("is ten hashes at least", () => {
    const hashes = xml("c", { xmlns: NS_CAPS2 });
    for (const name of [
      "sha-256",
      "sha-384",
      "sha-512",
      "sha3-256",
      "sha3-512",
      "blake2b-256",
      "blake2b-512",
    ]) {
      hashes.append(xml("hash", { xmlns: NS_HASHES, algo: name }, xep0390.hash(PC, name)));
    }
    for (const name of ["other-1", "other-2", "other-3"]) {
      hashes.append(xml("hash", { xmlns: NS_HASHES, algo: name }, "A".repeat(88)));
    }
    expect(present(read(table(), hashes, c115(PC))).capabilities).toHaveLength(8);
  });

  test("is read however deep its elements are", () => {
    const depth = 20_000;
    const deep = parse(
      `<presence from="${jidOf(0)}"><c xmlns="${NS_CAPS}" hash="sha-1" node="n" ver="v">` +
        `${"<a>".repeat(depth)}${"</a>".repeat(depth)}</c></presence>`,
    );
    expect(present(table().read(deep, all)).capabilities).toHaveLength(1);
  });
});

describe("the table of who announces what", () => {
  test("knows the latest of each", () => {
    const known = table();
    const [pc, phone] = [PC, PHONE].map((info) => present(read(known, c115(info))));
    known.set(jidOf(1), present(pc));
    known.set(jidOf(1), present(phone));
    known.set(jidOf(2), present(pc));
    expect(known.get(jidOf(1))).toBe(phone);
    expect(known.get(jidOf(2))).toBe(pc);
    expect(known.get(jidOf(3))).toBeUndefined();
    expect(known.size).toBe(2);
  });

  test("tells what is new from what is repeated", () => {
    const known = table();
    const pc = present(read(known, c115(PC)));
    expect(known.set(jidOf(1), pc)).toBe(true);
    expect(known.set(jidOf(1), pc)).toBe(false);
    expect(known.set(jidOf(1), present(read(known, c115(PHONE))))).toBe(true);
    expect(known.set(jidOf(1), pc)).toBe(true);
  });

  test("knows what is repeated also after a flood of other announcements", () => {
    const known = table();
    const first = present(read(known, c115(PC)));
    known.set(jidOf(1), first);
    known.use(jidOf(1));
    for (let i = 0; i < 2_000; i += 1) read(known, anyC115(`v${i}`));
    expect(known.set(jidOf(1), present(read(known, c115(PC))))).toBe(false);
    expect(known.get(jidOf(1))).toBe(first);
  });

  test("forgets whom it is told to forget", () => {
    const known = table();
    const pc = present(read(known, c115(PC)));
    for (const i of [1, 2]) known.set(jidOf(i), pc);
    known.use(jidOf(1));
    expect([1, 2, 3].map((i) => known.delete(jidOf(i)))).toEqual([true, true, false]);
    expect(known.size).toBe(0);
  });

  test("knows the entities of an account, and not those of accounts with a like name", () => {
    const known = table();
    const pc = present(read(known, c115(PC)));
    const jids = ["a@x.example/1", "a@x.example/2", "a@x.example", "aa@x.example/1", "a@x.example.org/1"];
    for (const jid of jids) known.set(jid, pc);
    known.use("a@x.example/2");
    expect(known.resourcesOf("a@x.example").sort()).toEqual(["a@x.example/1", "a@x.example/2"]);
  });

  test("names who announces one of some hashes, those first who were asked for", () => {
    const known = table();
    const pc = present(read(known, c115(PC)));
    known.set(jidOf(1), pc);
    known.set(jidOf(2), present(read(known, c115(PHONE))));
    known.set(jidOf(3), present(read(known, c390(PC), c115(PC))));
    known.set(jidOf(4), pc);
    known.use(jidOf(1));
    const keys = new Set(pc.capabilities.map(({ key }) => key));
    const found = [...known.announcersOf(keys)].map(([jid]) => jid);
    expect(found[0]).toBe(jidOf(1));
    expect(found.slice(1).sort()).toEqual([jidOf(3), jidOf(4)]);
    expect([...known.announcersOf(new Set(["nobody's"]))]).toEqual([]);
  });

  test("empties at the end of a session", () => {
    const known = table();
    known.set(jidOf(1), present(read(known, c115(PC))));
    known.clear();
    expect(known.size).toBe(0);
    expect(known.get(jidOf(1))).toBeUndefined();
  });
});

describe("50,000 presences with as many hashes from as many JIDs", () => {
  test("leave no more behind than there is room for, and those who were asked for stay", () => {
    const known = table(1_000);
    const pc = present(read(known, c115(PC)));
    const friends = Array.from({ length: 500 }, (_, i) => `friend${i}@capulet.example/x`);
    for (const jid of friends) {
      known.set(jid, pc);
      known.use(jid);
    }
    let most = 0;
    for (let i = 0; i < 50_000; i += 1) {
      known.set(jidOf(i), present(read(known, anyC115(`v${i}`))));
      most = Math.max(most, known.size);
    }
    expect(most).toBe(1_500);
    expect(friends.every((jid) => known.get(jid) === pc)).toBe(true);
    expect(known.get(jidOf(49_999))).toBeDefined();
    expect(known.get(jidOf(0))).toBeUndefined();
  });
});
