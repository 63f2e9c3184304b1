import xml, { type Element } from "@xmpp/xml";
import { describe, expect, test, vi } from "vitest";
import { type AnswerLimits, MalformedResponse } from "../../../src/index.ts";
import { connect, expectNoStrays, PEER, type Stage } from "./support.ts";

expectNoStrays();

const INFO = "http://jabber.org/protocol/disco#info";

function many(count: number, make: (index: number) => Element): Element[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

const identity = (name: string) => xml("identity", { category: "client", type: "pc", name });
const feature = (name: string) => xml("feature", { var: name });
const field = (name: string, ...values: string[]) =>
  xml("field", { var: name }, ...values.map((value) => xml("value", {}, value)));
const form = (...fields: Element[]) => xml("x", { xmlns: "jabber:x:data", type: "result" }, ...fields);
const item = (index: number) => xml("item", { jid: `${index}.${PEER}` });

function nested(depth: number): Element {
  let element = xml("end", {}, "here");
  for (let level = 1; level < depth; level += 1) element = xml("level", { xmlns: "urn:example" }, element);
  return element;
}

/** The set of a page that says that there is more. */
const more = (last: string, ...others: Element[]) =>
  xml("set", { xmlns: "http://jabber.org/protocol/rsm" }, ...others, xml("last", {}, last));

/** Answers every request, counted from 1, with these children. */
async function answering(
  children: (asked: number) => Element[],
  limits?: Partial<AnswerLimits>,
): Promise<Stage> {
  const stage = await connect(limits === undefined ? {} : { disco: { limits } });
  let asked = 0;
  stage.server.script = (request) => {
    const { id, from, to } = request.attrs;
    const query = request.getChild("query");
    if (query === undefined) return undefined;
    asked += 1;
    const { xmlns, node } = query.attrs;
    const answer = xml("query", { xmlns, node }, ...children(asked));
    return xml("iq", { type: "result", id, from: to, to: from }, answer);
  };
  return stage;
}

const INFO_LIMITS: readonly (readonly [string, keyof AnswerLimits, number, (count: number) => Element[]])[] =
  [
    ["identities", "identities", 5, (count) => many(count, (index) => identity(`${index}`))],
    ["features", "features", 5, (count) => many(count, (index) => feature(`urn:example:${index}`))],
    ["forms", "forms", 5, (count) => many(count, (index) => form(field(`${index}`)))],
    ["fields in one form", "fields", 5, (count) => [form(...many(count, (index) => field(`${index}`)))]],
    ["fields in all forms", "fields", 6, (count) => many(count / 2, () => form(field("a"), field("b")))],
    ["values", "fields", 6, (count) => [form(field("a", ...Array<string>(count - 1).fill("x")))]],
    ["bytes in the name of an identity", "textBytes", 12, (count) => [identity("x".repeat(count))]],
    ["bytes in a feature", "textBytes", 12, (count) => [feature("x".repeat(count))]],
    ["bytes of two in a character", "textBytes", 12, (count) => [feature("é".repeat(count / 2))]],
    ["bytes in a field's name", "textBytes", 12, (count) => [form(field("x".repeat(count)))]],
    ["bytes in a value", "textBytes", 12, (count) => [form(field("a", "x".repeat(count)))]],
    ["levels", "depth", 5, (count) => [nested(count)]],
  ];

describe("an answer to disco#info", () => {
  test.each(INFO_LIMITS)("may have as many %s as the limit allows", async (_, limit, most, make) => {
    const { disco } = await answering(() => make(most), { [limit]: most });
    await expect(disco.queryInfo(PEER)).resolves.toMatchObject({ jid: PEER });
  });

  test.each(INFO_LIMITS)(
    "with more %s costs its query, and says which limit",
    async (_, limit, most, make) => {
      const stage = await answering(() => make(most + 2), { [limit]: most });
      const failure: unknown = await stage.disco.queryInfo(PEER).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(MalformedResponse);
      expect((failure as Error).message).toContain(`limits.${limit}`);
      expect((failure as Error).message).toContain(`takes ${most} `);
      stage.server.script = (request) => {
        const { id, from, to } = request.attrs;
        return xml("iq", { type: "result", id, from: to, to: from }, xml("query", { xmlns: INFO }));
      };
      // The next question is asked, and answered.
      expect((await stage.disco.queryInfo(PEER)).features).toEqual([]);
    },
  );
});

describe("an answer to disco#items", () => {
  test("may have as many items as the limit allows, and no more", async () => {
    const { disco } = await answering(() => many(6, item), { items: 6 });
    expect((await disco.queryItems(PEER)).items).toHaveLength(6);
    disco.limits = { items: 5 };
    await expect(disco.queryItems(PEER, { requireFresh: true })).rejects.toThrow(
      "the answer has 6 items; DiscoClient takes 5 (limits.items)",
    );
  });

  test("has names no longer than the limit allows", async () => {
    const { disco } = await answering(() => [xml("item", { jid: PEER, name: "x".repeat(13) })], {
      textBytes: 12,
    });
    await expect(disco.queryItems(PEER)).rejects.toThrow("a text of 13 bytes");
  });

  test("that comes in pages is taken with a character that XML cannot carry, as one that comes whole", async () => {
    const odd = xml("item", { jid: PEER, name: "a\u001eb" });
    const stage = await answering((asked) => (asked === 1 ? [odd, more("x")] : []));
    expect((await stage.disco.queryItems(PEER)).items).toEqual([{ jid: PEER, name: "a\u001eb" }]);
    expect(stage.server.requests()).toHaveLength(2);
  });

  test("that comes in pages without an item in them is not asked for without end", async () => {
    const stage = await answering((asked) => [xml("item"), more(`${asked}`)]);
    await expect(stage.disco.queryItems(PEER)).rejects.toThrow("11 pages in a row have no item with a JID");
    await expect(async () => {
      for await (const _ of stage.disco.iterItems(PEER)) break;
    }).rejects.toThrow(MalformedResponse);
    expect(stage.server.requests()).toHaveLength(22);
  });

  test("that comes in pages is asked for no further when nobody waits for it", async () => {
    const stage = await answering((asked) => [item(asked), more(`${asked}`)]);
    const asked = () => stage.server.requests().length;
    const abort = new AbortController();
    const items = stage.disco.queryItems(PEER, { signal: abort.signal });
    await vi.waitUntil(() => asked() > 5, { interval: 1 });
    abort.abort(new Error("enough"));
    await expect(items).rejects.toThrow("enough");
    const then = asked();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(asked()).toBeLessThanOrEqual(then + 1);
  });

  test("that comes in pages has as many as all of them together", async () => {
    const stage = await answering(
      (asked) => [
        item(asked * 2),
        item(asked * 2 + 1),
        more(`${asked}b`, xml("first", {}, `${asked}a`), xml("count", {}, "100")),
      ],
      { items: 5 },
    );
    await expect(stage.disco.queryItems(PEER)).rejects.toThrow("more than 5 items (limits.items)");
    expect(stage.server.requests()).toHaveLength(3);
  });
});

describe("the limits", () => {
  test("have defaults that no honest answer comes near", async () => {
    const { disco } = await connect();
    expect(disco.limits).toEqual({
      identities: 1_000,
      features: 10_000,
      forms: 100,
      fields: 10_000,
      items: 100_000,
      textBytes: 1_048_576,
      depth: 50,
    });
  });

  test("that are not given keep their defaults", async () => {
    const { disco } = await connect({ disco: { limits: { features: Infinity } } });
    expect(disco.limits).toMatchObject({ features: Infinity, items: 100_000 });
  });

  test.each([
    [{ feature: 5 }, 'there is no limit "feature": they are identities, features, forms'],
    [{ features: -1 }, "the limit features is a number from 0 to Infinity, not -1"],
    [{ features: Number.NaN }, "not NaN"],
    [{ features: "5" }, 'not "5"'],
    [null, "limits are numbers by name, not null"],
  ])("%j are an error at once", async (limits, message) => {
    const { disco } = await connect();
    expect(() => {
      disco.limits = limits as Partial<AnswerLimits>;
    }).toThrow(message);
    expect(disco.limits.features).toBe(10_000);
  });
});
