import { JID, jid } from "@xmpp/jid";
import { describe, expect, test } from "vitest";
import { bareJid, canonicalJid, domainOf, show, toJid } from "../../../src/xml/jid.ts";
import { fc } from "./property.ts";

const long = (length: number) => "a".repeat(length);

// https://www.rfc-editor.org/rfc/rfc7622#section-3.5, table 1, as far as it is in lower case
const RFC_JIDS = [
  "juliet@example.com",
  "juliet@example.com/foo",
  "juliet@example.com/foo bar",
  "juliet@example.com/foo@bar",
  "foo\\20bar@example.com",
  "fussball@example.com",
  "fußball@example.com",
  "π@example.com",
  "σ@example.com/foo",
  "ς@example.com/foo",
  "king@example.com/♚",
  "example.com",
  "example.com/foobar",
  "a.example.com/b@example.net",
];

// https://www.rfc-editor.org/rfc/rfc7622#section-3.5, table 2, and what else makes no sense
const NO_JIDS: [why: string, text: string][] = [
  ["what XML cannot carry, in the domain", "\uffff"],
  ["what XML cannot carry, in the local part", "\ufffea@example.com"],
  ["what XML cannot carry, in the resource", "a@example.com/\ufffe"],
  ["quotation marks", '"juliet"@example.com'],
  ["a space in the local part", "foo bar@example.com"],
  ["an empty local part and resource", "@example.com/"],
  ["nothing", ""],
  ["an @ alone", "@"],
  ["three of them", "@@@"],
  ["two of them", "a@b@c"],
  ["an empty local part", "@example.com"],
  ["no domain", "a@"],
  ["no domain, but a resource", "a@/x"],
  ["a resource alone", "/x"],
  ["a slash alone", "/"],
  ["an empty resource", "a@b/"],
  ["an empty resource of a domain", "example.com/"],
  ["an apostrophe", "o'hara@example.com"],
  ["an ampersand", "at&t@example.com"],
  ["a colon", "a:b@example.com"],
  ["an address of the web", "xmpp:a@example.com"],
  ["angle brackets", "<a>@example.com"],
  ["a space in the domain", "a@exam ple.com"],
  ["a space before", " a@example.com"],
  ["a space after the domain", "a@example.com "],
  ["a line break", "a@example.com\n"],
  ["a line break in the resource", "a@example.com/x\ny"],
  ["a NUL in the resource", "a@example.com/x\0"],
  ["a control character in the local part", "a\x7f@example.com"],
  ["a lone surrogate in the local part", "a\ud800@example.com"],
  ["a lone surrogate in the resource", "a@example.com/\udc00"],
  ["a no-break space in the domain", "a@exam\u00a0ple.com"],
  ["an ideographic space in the local part", "a\u3000b@example.com"],
  ["a backslash in the domain", "a@exam\\ple.com"],
  ["markup in the domain", "a@<b/>"],
  ["a local part that is too long", `${long(1024)}@example.com`],
  ["a domain that is too long", long(1024)],
  ["a resource that is too long", `example.com/${long(1024)}`],
  ["a local part that is too long in bytes", `${"ü".repeat(512)}@example.com`],
  ["a resource that is too long in bytes", `example.com/${"♚".repeat(342)}`],
];

/** Texts that look like addresses, and such that do not. */
const addressLike = fc.oneof(
  fc.string({ unit: "binary" }),
  fc
    .tuple(
      fc.option(
        fc.string({ unit: fc.constantFrom("a", "B", "é", "İ", "ß", "Σ", ".", "\\", "20", "'", " ", "♚") }),
      ),
      fc.string({ unit: fc.constantFrom("a", "B", "É", "İ", "ſ", "Σ", ".", "-", "[", ":", "1") }),
      fc.option(fc.string({ unit: "grapheme" })),
    )
    .map(
      ([local, domain, resource]) =>
        `${local === null ? "" : `${local}@`}${domain}${resource === null ? "" : `/${resource}`}`,
    ),
);

describe("canonicalJid", () => {
  test.each(RFC_JIDS)("takes %j of RFC 7622 as it is", (text) => {
    expect(canonicalJid(text)).toBe(text);
  });

  test.each(NO_JIDS)("does not take what has %s", (_why, text) => {
    expect(canonicalJid(text)).toBeUndefined();
  });

  test.each([
    ["Juliet@Example.COM", "juliet@example.com"],
    ["ΣΑΣ@example.com", "σας@example.com"],
    ["JULIET@EXAMPLE.COM/Balcony", "juliet@example.com/Balcony"],
    ["BÜCHER.example", "bücher.example"],
  ])("lower-cases local part and domain of %s, and leaves the resource", (text, canonical) => {
    expect(canonicalJid(text)).toBe(canonical);
  });

  test.each([
    ["resources with anything in them", "room@muc.example/a/b@c:d\"e'f<g>&h i"],
    ["numbers of the internet", "romeo@192.0.2.1"],
    ["numbers of the newer internet", "romeo@[2001:db8::1]/x"],
    ["host names without a dot", "romeo@localhost"],
    ["underscores", "a_b@c_d.example"],
    ["escaped characters", "d\\27artagnan@musketeers.example"],
    ["emoji in a resource", "romeo@example.com/🙂"],
    ["a local part as long as can be", `${long(1023)}@example.com`],
    ["a domain as long as can be", long(1023)],
    ["a resource as long as can be", `example.com/${long(1023)}`],
    ["a resource as long as can be in bytes", `example.com/${"♚".repeat(341)}`],
  ])("takes %s", (_what, text) => {
    expect(canonicalJid(text)).toBe(text);
  });

  test("does not take what grows too long in lower case", () => {
    // U+0130 has two bytes, and its lower case three.
    expect(canonicalJid(`${"İ".repeat(500)}@example.com`)).toBeUndefined();
  });

  test.each([undefined, null, 5, {}, [], true, jid("a@b")])("takes no %j, which is no text", (value) => {
    expect(canonicalJid(value)).toBeUndefined();
  });

  test("of a canonical JID is the same", () => {
    fc.assert(
      fc.property(addressLike, (text) => {
        const canonical = canonicalJid(text);
        fc.pre(canonical !== undefined);
        expect(canonicalJid(canonical)).toBe(canonical);
      }),
    );
  });

  test("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.oneof(addressLike, fc.anything()), (value) => {
        expect(["string", "undefined"]).toContain(typeof canonicalJid(value));
      }),
    );
  });

  test("agrees with @xmpp/jid on what both take as it is", () => {
    fc.assert(
      fc.property(addressLike, (text) => {
        const canonical = canonicalJid(text);
        // xmpp.js escapes each backslash that begins no escape, which nobody has to.
        fc.pre(canonical !== undefined && !text.includes("\\"));
        expect(jid(text).toString()).toBe(canonical);
      }),
    );
  });

  test("takes what @xmpp/jid makes of anything it takes, or nothing", () => {
    fc.assert(
      fc.property(addressLike, (text) => {
        let made: string;
        try {
          made = jid(text).toString();
        } catch {
          return;
        }
        expect([made, undefined]).toContain(canonicalJid(made));
      }),
    );
  });

  test("is quick about a long text that is no address", () => {
    const start = performance.now();
    expect(canonicalJid(`${long(1_000_000)}@`)).toBeUndefined();
    expect(canonicalJid(`a@${".".repeat(1_000_000)} `)).toBeUndefined();
    expect(canonicalJid("@".repeat(1_000_000))).toBeUndefined();
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});

describe("toJid", () => {
  test.each(RFC_JIDS)("takes %j", (text) => {
    expect(toJid(text)).toBe(text);
  });

  test("takes a JID object", () => {
    expect(toJid(jid("Juliet@Example.com/Balcony"))).toBe("juliet@example.com/Balcony");
    expect(toJid(new JID("juliet", "example.com", "balcony"))).toBe("juliet@example.com/balcony");
    expect(toJid(new JID("", "example.com", ""))).toBe("example.com");
  });

  test.each([
    ["d'artagnan@musketeers.example", "d\\27artagnan@musketeers.example"],
    ["space cadet@example.com", "space\\20cadet@example.com"],
    ['call me "ishmael"@example.com/x', "call\\20me\\20\\22ishmael\\22@example.com/x"],
    ["at&t@example.com", "at\\26t@example.com"],
    ["d\\27artagnan@musketeers.example", "d\\27artagnan@musketeers.example"],
  ])("escapes the local part of %s, as XEP-0106 has it", (text, canonical) => {
    expect(toJid(text)).toBe(canonical);
    expect(toJid(text)).toBe(jid(text).toString());
  });

  test.each([
    ["nothing", ""],
    ["an @ alone", "@"],
    ["three of them", "@@@"],
    ["two of them", "a@b@c"],
    ["no domain", "a@"],
    ["a resource alone", "/x"],
    ["an empty resource", "a@b/"],
    ["an empty resource of a domain", "example.com/"],
    ["an empty local part", "@example.com"],
    ["a blank local part", " @example.com"],
    ["a space in the domain", "a@exam ple.com"],
    ["a line break in the resource", "a@example.com/x\ny"],
    ["a local part too long when escaped", `${"'".repeat(400)}@example.com`],
  ])("does not take what has %s, and names it", (_why, text) => {
    expect(() => toJid(text)).toThrow(new TypeError(`jid is no JID: ${show(text)}`));
  });

  test.each([
    [undefined, "undefined"],
    [null, "null"],
    [5, "5"],
    [true, "true"],
    [Symbol("a@b"), "Symbol(a@b)"],
    [{}, "an object of class Object"],
    [[], "an object of class Array"],
    [new Date(0), "an object of class Date"],
    [Object.create(null), "an object of class null"],
    [() => "a@b", "the function "],
  ])("does not take %o, and names it", (value, shown) => {
    expect(() => toJid(value)).toThrow(new TypeError(`jid is no JID: ${shown}`));
  });

  test("says which address is none", () => {
    expect(() => toJid("@@@", "from")).toThrow(new TypeError('from is no JID: "@@@"'));
  });

  test("does not repeat a long text in its error", () => {
    expect(() => toJid(`@${long(5000)}@`)).toThrow(/^jid is no JID: "@a+…"$/);
    try {
      toJid(`@${long(5000)}@`);
    } catch (error) {
      expect(String(error).length).toBeLessThan(120);
    }
  });

  test("gives a canonical JID or a TypeError, whatever it is given", () => {
    fc.assert(
      fc.property(fc.oneof(addressLike, fc.anything({ withNullPrototype: true })), (value) => {
        try {
          const canonical = toJid(value);
          expect(canonicalJid(canonical)).toBe(canonical);
        } catch (error) {
          expect(error).toBeInstanceOf(TypeError);
          expect(String(error)).toContain("jid is no JID");
        }
      }),
    );
  });
});

describe("bareJid and domainOf", () => {
  test.each([
    ["juliet@example.com/balcony", "juliet@example.com", "example.com"],
    ["juliet@example.com", "juliet@example.com", "example.com"],
    ["example.com", "example.com", "example.com"],
    ["example.com/x", "example.com", "example.com"],
    ["a.example.com/b@example.net", "a.example.com", "a.example.com"],
    ["room@muc.example/a/b@c", "room@muc.example", "muc.example"],
  ])("of %s are %s and %s", (full, bare, domain) => {
    expect(bareJid(full)).toBe(bare);
    expect(domainOf(full)).toBe(domain);
  });

  test("agree with @xmpp/jid", () => {
    fc.assert(
      fc.property(addressLike, (text) => {
        const canonical = canonicalJid(text);
        fc.pre(canonical !== undefined && !text.includes("\\"));
        expect(bareJid(canonical)).toBe(jid(canonical).bare().toString());
        expect(domainOf(canonical)).toBe(jid(canonical).getDomain());
      }),
    );
  });
});

describe("show", () => {
  test.each([
    ["text", '"text"'],
    ['with "quotes" and\nlines', '"with \\"quotes\\" and\\nlines"'],
    ["", '""'],
    [5, "5"],
    [-0.5, "-0.5"],
    [Number.NaN, "NaN"],
    [10n, "10"],
    [undefined, "undefined"],
    [null, "null"],
    [true, "true"],
    [Symbol("s"), "Symbol(s)"],
    [{}, "an object of class Object"],
    [new Map(), "an object of class Map"],
    [Object.create(null), "an object of class null"],
    [class Foo {}, "the function Foo"],
  ])("quotes %o", (value, shown) => {
    expect(show(value)).toBe(shown);
  });

  test("cuts a long text", () => {
    expect(show(long(80))).toBe(`"${long(80)}"`);
    expect(show(long(81))).toBe(`"${long(79)}…"`);
  });

  test("never throws", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true, withBigInt: true }), (value) => {
        expect(typeof show(value)).toBe("string");
      }),
    );
  });
});
