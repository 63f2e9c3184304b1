import xml from "@xmpp/xml";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  NS_RSM,
  type PageRequest,
  pageRequestElement,
  parsePageRequest,
  parseResultSet,
  type ResultSet,
  resultSetElement,
  toPageRequest,
} from "../../../src/rsm/result-set.ts";
import { anyText, forAny, fromWire, overTheWire } from "../forms/helpers.ts";

const ITEMS = "http://jabber.org/protocol/disco#items";

/** A `<query/>` with this in it. */
const query = (content: string) => fromWire(`<query xmlns="${ITEMS}">${content}</query>`);

/** A `<query/>` with a result set of these children. */
const set = (children: string) => query(`<set xmlns="${NS_RSM}">${children}</set>`);

const count = fc.nat({ max: 1e9 });
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });

describe("the request for a page", () => {
  it.each<[what: string, page: PageRequest, children: string]>([
    ["the first items", { max: 10 }, "<max>10</max>"],
    ["the count alone", { max: 0 }, "<max>0</max>"],
    ["what comes after an item", { max: 10, after: "uid" }, "<max>10</max><after>uid</after>"],
    ["the last items", { max: 10, before: "" }, "<max>10</max><before/>"],
    ["what comes before an item", { max: 10, before: "uid" }, "<max>10</max><before>uid</before>"],
    ["a place in the list", { max: 10, index: 371 }, "<max>10</max><index>371</index>"],
    ["as many as the peer likes", {}, ""],
  ])("is as XEP-0059 has it for %s", (_, page, children) => {
    const content = children === "" ? "/>" : `>${children}</set>`;
    expect(pageRequestElement(page).toString()).toBe(`<set xmlns="${NS_RSM}"${content}`);
  });

  it.each([
    ["max", -1],
    ["max", 1.5],
    ["max", Number.NaN],
    ["max", Number.POSITIVE_INFINITY],
    ["max", "10"],
    ["max", null],
    ["index", -1],
    ["index", Number.NaN],
    ["index", "0"],
  ])("is an error that names it where %s is %s", (name, value) => {
    const page = { [name]: value } as PageRequest;

    expect(() => pageRequestElement(page)).toThrow(RangeError);
    expect(() => pageRequestElement(page)).toThrow(name);
    expect(() => toPageRequest(page)).toThrow(RangeError);
  });

  it.each([
    ["after", 5],
    ["after", null],
    ["after", "\u0000"],
    ["before", {}],
    ["before", "\ud800"],
  ])("is an error that names it where %s is %j", (name, value) => {
    expect(() => pageRequestElement({ [name]: value } as PageRequest)).toThrow(TypeError);
    expect(() => pageRequestElement({ [name]: value } as PageRequest)).toThrow(name);
  });

  it("arrives as it was sent, whatever the UIDs", () => {
    const pages = fc.record({
      max: maybe(count),
      after: maybe(anyText),
      before: maybe(anyText),
      index: maybe(count),
    });
    forAny(pages, (page) => {
      const sent = xml("query", ITEMS, pageRequestElement(page));
      expect(parsePageRequest(overTheWire(sent))).toEqual(page);
    });
  });
});

describe("a request that a peer sends", () => {
  it("asks for no page without a result set", () => {
    expect(parsePageRequest(query(""))).toBeUndefined();
  });

  it("asks for no page with a set of another namespace", () => {
    expect(parsePageRequest(query("<set><max>10</max></set>"))).toBeUndefined();
  });

  it("asks for a page where the result set is empty", () => {
    expect(parsePageRequest(set(""))).toEqual({});
  });

  it("may have white space around its numbers", () => {
    expect(parsePageRequest(set("<max> 10\n</max><index>\t3 </index>"))).toEqual({ max: 10, index: 3 });
  });

  it("keeps the white space of its UIDs", () => {
    expect(parsePageRequest(set("<after> a\n</after>"))?.after).toBe(" a\n");
  });

  it.each(["-1", "1.5", "ten", "", "1e3", "0x10", "NaN", "Infinity", "１０"])(
    "is an error where max or index is %j, which it shows",
    (text) => {
      expect(() => parsePageRequest(set(`<max>${text}</max>`))).toThrow(RangeError);
      expect(() => parsePageRequest(set(`<max>${text}</max>`))).toThrow(
        `max is a whole number from 0 on, not "${text}"`,
      );
      expect(() => parsePageRequest(set(`<index>${text}</index>`))).toThrow("index");
    },
  );

  it("has the largest number there is where its number is larger", () => {
    const digits = "9".repeat(10_000);

    expect(parsePageRequest(set(`<max>${digits}</max><index>${digits}</index>`))).toEqual({
      max: Number.MAX_SAFE_INTEGER,
      index: Number.MAX_SAFE_INTEGER,
    });
  });

  it.each(["__proto__", "constructor", "toString"])("may have a child called %s", (name) => {
    expect(parsePageRequest(set(`<${name}>1</${name}><max>2</max>`))).toEqual({ max: 2 });
  });
});

describe("the result set of an answer", () => {
  it.each<[what: string, result: ResultSet, children: string]>([
    [
      "a page",
      { first: "a", index: 0, last: "c", count: 800 },
      `<first index="0">a</first><last>c</last><count>800</count>`,
    ],
    ["a count alone", { count: 0 }, "<count>0</count>"],
    ["a page whose place is unknown", { first: "a", last: "c" }, "<first>a</first><last>c</last>"],
  ])("is as XEP-0059 has it for %s", (_, result, children) => {
    expect(resultSetElement(result).toString()).toBe(`<set xmlns="${NS_RSM}">${children}</set>`);
  });

  it("arrives as it was sent, whatever the UIDs", () => {
    const pages = fc.record({ first: anyText, index: maybe(count), last: anyText, count: maybe(count) });
    forAny(pages, (result) => {
      expect(parseResultSet(overTheWire(xml("query", ITEMS, resultSetElement(result))))).toEqual(result);
    });
  });

  it("is none where the peer has no pages", () => {
    expect(parseResultSet(query(`<item jid="a.example"/>`))).toBeUndefined();
  });

  it.each(["-1", "1.5", "many", "", "9".repeat(16)])(
    "has no count and no index where they are %j",
    (text) => {
      expect(
        parseResultSet(set(`<first index="${text}">a</first><last>b</last><count>${text}</count>`)),
      ).toEqual({
        first: "a",
        index: undefined,
        last: "b",
        count: undefined,
      });
    },
  );

  it("has no first and no last where the peer leaves them out", () => {
    expect(parseResultSet(set("<count>9</count>"))).toEqual({ count: 9 });
  });
});
