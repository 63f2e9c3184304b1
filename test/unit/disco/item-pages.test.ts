import xml, { type Element } from "@xmpp/xml";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import type { ItemPages, PageOptions } from "../../../src/disco/item-pages.ts";
import {
  DiscoClient,
  IqError,
  IqTimeout,
  type Item,
  MalformedResponse,
  NS_DISCO_ITEMS,
  ServiceDismissed,
  SessionLost,
} from "../../../src/index.ts";
import { NS_RSM } from "../../../src/rsm/result-set.ts";
import type { MemoryServer } from "../../support/memory.ts";
import { readVectors } from "../../support/vectors.ts";
import { fromWire } from "../forms/helpers.ts";
import { allOf, askedComponent, until } from "./answering.ts";
import { connect, expectNoStrays, present, quiet, refusal, type Stage, stoppedTimers } from "./support.ts";

expectNoStrays();

const PEER = "rooms.example";

interface Rule {
  readonly when: Readonly<Record<string, string | null>>;
  readonly reply?: string;
  readonly replies?: readonly string[];
}

interface Transcript {
  readonly name: string;
  readonly about: string;
  readonly request: {
    readonly to: string;
    readonly node: string | null;
    readonly max: number;
    readonly direction: "forward" | "backward";
    readonly repeat?: number;
    readonly stopAfterPages?: number;
  };
  readonly sent?: readonly string[];
  readonly server: readonly Rule[];
  readonly expected: {
    readonly outcome: "complete" | "error" | "stopped" | "complete-or-error";
    readonly items?: readonly string[];
    readonly itemsBefore?: readonly string[];
    readonly pages?: readonly (readonly string[])[];
    readonly condition?: string;
    readonly count?: number;
    readonly requests: { readonly min: number; readonly max: number };
    readonly secondListing?: { readonly hasSet: boolean };
  };
}

const { me, transcripts }: { me: string; transcripts: readonly Transcript[] } = JSON.parse(
  readVectors("rsm-transcripts.json"),
);

/** The result set of a request, as texts by name; undefined where it has none. */
function setOf(request: Element | undefined): Record<string, string> | undefined {
  const set = request?.getChild("query", NS_DISCO_ITEMS)?.getChild("set", NS_RSM);
  return set && Object.fromEntries(set.getChildElements().map((child) => [child.name, child.getText()]));
}

/** What of a request matters: whom it asks for which page of which node. */
function essenceOf(request: Element | undefined) {
  const { type, to } = request?.attrs ?? {};
  return { type, to, node: request?.getChild("query", NS_DISCO_ITEMS)?.attrs.node, set: setOf(request) };
}

/** Has the server answer by the rules of a transcript: the first that fits. */
function play(server: MemoryServer, rules: readonly Rule[]): void {
  server.script = (request) => {
    const set = setOf(request);
    const rule = rules.find(({ when }) =>
      Object.entries(when).every(([name, text]) =>
        text === "*" ? set?.[name] !== undefined : (set?.[name] ?? null) === text,
      ),
    );
    for (const reply of rule?.replies ?? [rule?.reply ?? ""])
      server.send(reply.replaceAll("$ID", request.attrs.id));
    return undefined;
  };
}

/** Goes through pages as far as wanted; what comes of it. */
async function list(pages: ItemPages, stopAfterPages = Number.POSITIVE_INFINITY) {
  const got: string[][] = [];
  try {
    for await (const page of pages.pages()) {
      got.push(page.map(({ jid }) => jid));
      if (got.length >= stopAfterPages) break;
    }
  } catch (error) {
    return { pages: got, error };
  }
  return { pages: got, error: undefined };
}

describe("the transcript", () => {
  it.each(transcripts.map((transcript) => [transcript.name, transcript.about, transcript] as const))(
    "%s: %s",
    async (_, __, { request, server: rules, sent = [], expected }) => {
      const { server, disco } = await connect({ jid: me });
      play(server, rules);
      const { to, node, max: pageSize, direction, repeat = 1, stopAfterPages } = request;
      for (let listing = 1; listing <= repeat; listing += 1) {
        const before = server.requests().length;
        const pages = disco.iterItems(to, { node, pageSize, backwards: direction === "backward" });
        const result = await list(pages, stopAfterPages);
        await quiet();
        const requests = server.requests().slice(before);

        const jids = result.pages.flat();
        if (expected.outcome === "error") {
          expect(result.error).toMatchObject({ name: "IqError", condition: expected.condition });
          expect(jids).toEqual(expected.itemsBefore);
        } else {
          expect(result.error).toBeUndefined();
          if (expected.pages !== undefined) expect(result.pages).toEqual(expected.pages);
          if (expected.items !== undefined) expect(jids).toEqual(expected.items);
        }
        if (expected.count !== undefined) expect(pages.count).toBe(expected.count);
        expect(requests.length).toBeGreaterThanOrEqual(expected.requests.min);
        expect(requests.length).toBeLessThanOrEqual(expected.requests.max);
        expect(requests.slice(0, sent.length).map(essenceOf)).toEqual(
          sent.map((text) => essenceOf(fromWire(text))),
        );
        if (listing === 2) expect(setOf(requests[0]) !== undefined).toBe(expected.secondListing?.hasSet);
      }
    },
  );

  it.each(
    transcripts
      .filter(({ request }) => request.stopAfterPages === undefined)
      .map((transcript) => [transcript.name, transcript] as const),
  )("%s has the same items, one by one", async (_, { request, server: rules, expected }) => {
    const { server, disco } = await connect({ jid: me });
    play(server, rules);
    const got: string[] = [];
    const { to, node, max: pageSize, direction } = request;
    const listing = (async () => {
      for await (const { jid } of disco.iterItems(to, {
        node,
        pageSize,
        backwards: direction === "backward",
      }))
        got.push(jid);
    })();
    if (expected.outcome === "error")
      await expect(listing).rejects.toMatchObject({ condition: expected.condition });
    else await listing;

    expect(got).toEqual(expected.itemsBefore ?? expected.pages?.flat() ?? expected.items);
  });
});

/** A reply with these items and this result set, none where it is undefined. */
function replyTo(
  request: Element,
  jids: readonly string[],
  set?: Readonly<Record<string, string | number>>,
): Element {
  const { id, to, from } = request.attrs;
  const query = xml("query", { xmlns: NS_DISCO_ITEMS, node: request.getChild("query")?.attrs.node });
  for (const jid of jids) query.append(xml("item", { jid }));
  if (set !== undefined) {
    const { index, ...texts } = set;
    const children = Object.entries(texts).map(([name, text]) => xml(name, {}, String(text)));
    const first = children.find((child) => child.name === "first");
    if (first !== undefined && index !== undefined) first.attrs.index = String(index);
    query.append(xml("set", { xmlns: NS_RSM }, ...children));
  }
  return xml("iq", { type: "result", id, from: to, to: from }, query);
}

/** The reply of a peer with a list to the request for a page of it; the UIDs are the JIDs. */
function pageFor(request: Element, jids: readonly string[]): Element {
  const { max = "1000", after, before } = setOf(request) ?? {};
  const end = before === undefined || before === "" ? jids.length : jids.indexOf(before);
  const behind = after === undefined ? 0 : jids.indexOf(after) + 1;
  const start = before === undefined ? behind : Math.max(0, end - Number(max));
  const page = jids.slice(start, before === undefined ? start + Number(max) : end);
  const [first] = page;
  const last = page.at(-1);
  const set = first === undefined || last === undefined ? {} : { first, index: start, last };
  return replyTo(request, page, { ...set, count: jids.length });
}

const jids = (count: number) => Array.from({ length: count }, (_, i) => `r${i}@${PEER}`);

/** A client, and a peer that has so many items. */
async function withItems(count: number) {
  const stage = await connect();
  stage.server.script = (request) => (request.is("iq") ? pageFor(request, jids(count)) : undefined);
  return stage;
}

const jidsOf = async (pages: AsyncIterable<Item>) => (await allOf(pages)).map(({ jid }) => jid);
const setsAt = (server: MemoryServer) => server.requests().map(setOf);

describe("going through a list", () => {
  it("gives all items, whatever their number, the page size and the direction", async () => {
    const { server, disco } = await connect();
    const values = fc.record({
      count: fc.nat({ max: 15 }),
      pageSize: fc.integer({ min: 1, max: 8 }),
      backwards: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(values, async ({ count, pageSize, backwards }) => {
        server.script = (request) => pageFor(request, jids(count));
        const pages = disco.iterItems(PEER, { pageSize, backwards });
        const result = await list(pages);
        expect((backwards ? result.pages.toReversed() : result.pages).flat()).toEqual(jids(count));
        expect(result.pages.every((page) => page.length > 0 && page.length <= pageSize)).toBe(true);
        expect(pages.count).toBe(count);
      }),
      { seed: 59, numRuns: 40 },
    );
  });

  it("asks for 100 items at a time where nothing is said", async () => {
    const { server, disco } = await withItems(150);

    expect(await jidsOf(disco.iterItems(PEER))).toEqual(jids(150));
    expect(setsAt(server)).toEqual([{ max: "100" }, { max: "100", after: `r99@${PEER}` }]);
  });

  it("starts behind an item that is known", async () => {
    const { server, disco } = await withItems(5);

    expect(await jidsOf(disco.iterItems(PEER, { pageSize: 2, after: `r1@${PEER}` }))).toEqual(
      jids(5).slice(2),
    );
    expect(setsAt(server)[0]).toEqual({ max: "2", after: `r1@${PEER}` });
  });

  it("starts at a place, and goes on from item to item", async () => {
    const { server, disco } = await connect();
    server.script = (request) =>
      setOf(request)?.index === undefined
        ? pageFor(request, jids(5))
        : replyTo(request, jids(5).slice(2, 4), { first: "uid", index: 2, last: `r3@${PEER}`, count: 5 });

    expect(await jidsOf(disco.iterItems(PEER, { pageSize: 2, index: 2 }))).toEqual(jids(5).slice(2));
    expect(setsAt(server)).toEqual([
      { max: "2", index: "2" },
      { max: "2", after: `r3@${PEER}` },
    ]);
  });

  it("asks for the node in each request, and takes null and the empty text for none", async () => {
    const { server, disco } = await withItems(3);
    await jidsOf(disco.iterItems(PEER, { pageSize: 2, node: "n" }));
    await jidsOf(disco.iterItems(PEER, { node: null }));
    await jidsOf(disco.iterItems(PEER, { node: "" }));

    expect(server.requests().map((request) => request.getChild("query")?.attrs.node)).toEqual([
      "n",
      "n",
      undefined,
      undefined,
    ]);
  });

  it("asks as one of a component's JIDs in each request", async () => {
    const { xmpp, server } = await askedComponent();
    server.script = (request) => pageFor(request, jids(3));
    const options = { pageSize: 2, from: "Room@comp.example" };

    expect(await jidsOf(xmpp.summon(DiscoClient).iterItems(PEER, options))).toEqual(jids(3));
    expect(server.received.map(({ attrs }) => attrs.from)).toEqual([
      "room@comp.example",
      "room@comp.example",
    ]);
  });

  it("gives the items with their nodes and names", async () => {
    const { server, disco } = await connect();
    server.script = (request) => {
      const reply = replyTo(request, []);
      reply.getChild("query")?.append(xml("item", { jid: "A.example", node: "n", name: "N" }));
      return reply;
    };

    expect(await allOf(disco.iterItems(PEER))).toEqual([{ jid: "a.example", node: "n", name: "N" }]);
  });

  it("may be done twice with the same object, anew each time", async () => {
    const { server, disco } = await withItems(3);
    const pages = disco.iterItems(PEER, { pageSize: 2 });

    expect(await jidsOf(pages)).toEqual(jids(3));
    expect(await jidsOf(pages)).toEqual(jids(3));
    expect(server.requests()).toHaveLength(4);
  });

  it("may be done twice at once", async () => {
    const { disco } = await withItems(5);
    const pages = disco.iterItems(PEER, { pageSize: 2 });

    expect(await Promise.all([jidsOf(pages), jidsOf(pages)])).toEqual([jids(5), jids(5)]);
  });
});

describe("what is sent", () => {
  it("is nothing before the first item is asked for", async () => {
    const { server, disco } = await withItems(3);
    disco.iterItems(PEER)[Symbol.asyncIterator]();
    disco.iterItems(PEER).pages();
    await quiet();

    expect(server.requests()).toEqual([]);
  });

  it("is no more than what is gone through", async () => {
    const { server, disco } = await withItems(5);
    const iterator = disco.iterItems(PEER, { pageSize: 2 })[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.next();
    await quiet();
    expect(server.requests()).toHaveLength(1);
    await iterator.next();

    expect(server.requests()).toHaveLength(2);
  });

  it("is nothing more once the loop is left", async () => {
    const { server, disco } = await withItems(5);
    for await (const { jid } of disco.iterItems(PEER, { pageSize: 2 })) if (jid === `r1@${PEER}`) break;
    await quiet();

    expect(server.requests()).toHaveLength(1);
  });

  it("has no end where the list has none, and ends when the loop is left", async () => {
    const { server, disco } = await connect();
    let next = 0;
    server.script = (request) => {
      next += 1;
      return replyTo(request, [`r${next}@${PEER}`], { first: next, last: next, count: 1 });
    };
    let seen = 0;
    for await (const _ of disco.iterItems(PEER, { pageSize: 1 })) {
      seen += 1;
      if (seen === 25) break;
    }

    expect(server.requests()).toHaveLength(25);
  });
});

describe("a peer without pages", () => {
  async function withoutPages(count: number) {
    const stage = await connect();
    stage.server.script = (request) => replyTo(request, jids(count));
    return stage;
  }

  it("gives everything at once, and is counted", async () => {
    const { disco, server } = await withoutPages(5);
    const pages = disco.iterItems(PEER, { pageSize: 2 });

    expect(await jidsOf(pages)).toEqual(jids(5));
    expect(pages.count).toBe(5);
    expect(server.requests()).toHaveLength(1);
  });

  it("gives no items where their count alone is asked for", async () => {
    const { disco } = await withoutPages(5);
    const pages = disco.iterItems(PEER, { pageSize: 0 });

    expect(await jidsOf(pages)).toEqual([]);
    expect(pages.count).toBe(5);
  });

  it("is asked for none the next time, by any of its forms", async () => {
    const { disco, server } = await withoutPages(2);
    await jidsOf(disco.iterItems(PEER));
    await jidsOf(disco.iterItems("Rooms.EXAMPLE", { pageSize: 7, backwards: true }));

    expect(setsAt(server)).toEqual([{ max: "100" }, undefined]);
  });

  it("says nothing of others, who are asked for pages", async () => {
    const { disco, server } = await withoutPages(2);
    await jidsOf(disco.iterItems(PEER));
    await jidsOf(disco.iterItems("other.example"));

    expect(setsAt(server)).toEqual([{ max: "100" }, { max: "100" }]);
  });

  it("is not told by an empty list: it is asked for pages again", async () => {
    const { disco, server } = await withoutPages(0);
    await jidsOf(disco.iterItems(PEER));
    await jidsOf(disco.iterItems(PEER));

    expect(setsAt(server)).toEqual([{ max: "100" }, { max: "100" }]);
  });

  it("may have learnt it by the next session", async () => {
    const { disco, server, xmpp } = await withoutPages(2);
    await jidsOf(disco.iterItems(PEER));
    server.cut();
    await until(() => xmpp.status === "online");
    await jidsOf(disco.iterItems(PEER));

    expect(setsAt(server)).toEqual([{ max: "100" }, { max: "100" }]);
  });
});

describe("the count", () => {
  it("is unknown before the first page", async () => {
    const { disco } = await withItems(3);

    expect(disco.iterItems(PEER).count).toBeUndefined();
  });

  it("is known with the first item, and follows what the peer says", async () => {
    const { disco, server } = await connect();
    server.script = (request) =>
      setOf(request)?.after === undefined
        ? replyTo(request, ["a.example"], { first: "a", last: "a", count: 9 })
        : replyTo(request, ["b.example"], { first: "b", last: "b", count: 8 });
    const pages = disco.iterItems(PEER, { pageSize: 1 });
    const counts: unknown[] = [];
    for await (const _ of pages) {
      counts.push(pages.count);
      if (counts.length === 2) break;
    }

    expect(counts).toEqual([9, 8]);
  });

  it("is asked for alone with a page size of 0", async () => {
    const { disco, server } = await withItems(800);
    const pages = disco.iterItems(PEER, { pageSize: 0 });

    expect(await jidsOf(pages)).toEqual([]);
    expect(pages.count).toBe(800);
    expect(setsAt(server)).toEqual([{ max: "0" }]);
  });

  it("asked for alone is asked for once, also of a peer that gives items with it", async () => {
    const { disco, server } = await connect();
    server.script = (request) =>
      replyTo(request, ["a.example"], { first: "a", last: server.requests().length, count: 9 });
    const pages = disco.iterItems(PEER, { pageSize: 0 });

    expect(await jidsOf(pages)).toEqual([]);
    expect(pages.count).toBe(9);
    expect(server.requests()).toHaveLength(1);
  });

  it.each(["-1", "many", "1.5", "1e3", ""])("is unknown where the peer says %j", async (count) => {
    const { disco, server } = await connect();
    server.script = (request) => replyTo(request, ["a.example"], { first: "a", count });
    const pages = disco.iterItems(PEER);

    expect(await jidsOf(pages)).toEqual(["a.example"]);
    expect(pages.count).toBeUndefined();
  });

  it("stays where a later page does not say it", async () => {
    const { disco, server } = await connect();
    server.script = (request) =>
      setOf(request)?.after === undefined
        ? replyTo(request, ["a.example"], { first: "a", last: "a", count: 9 })
        : replyTo(request, []);
    const pages = disco.iterItems(PEER, { pageSize: 1 });
    await jidsOf(pages);

    expect(pages.count).toBe(9);
  });

  it.each(["0", "1", "2", "4"])(
    "that says %s where there are six ends nothing while pages are full",
    async (count) => {
      const { disco, server } = await connect();
      server.script = (request) =>
        fromWire(pageFor(request, jids(6)).toString().replace("<count>6</count>", `<count>${count}</count>`));

      expect(await jidsOf(disco.iterItems(PEER, { pageSize: 2 }))).toEqual(jids(6));
    },
  );
});

describe("a peer that lies", () => {
  /** A peer that gives these pages in turn, over and over: each a JID, which is the UID as well. */
  async function turning(...names: string[]) {
    const stage = await connect();
    let turn = 0;
    stage.server.script = (request) => {
      const name = present(names[turn % names.length]);
      turn += 1;
      return replyTo(request, [`${name}.example`], { first: name, last: name, count: 1_000 });
    };
    return stage;
  }

  it.each([
    [["a"], 2],
    [["a", "b"], 3],
    [["a", "b", "c"], 4],
  ])("and runs in circles is left: %j", async (names, requests) => {
    const { disco, server } = await turning(...names);

    expect(await jidsOf(disco.iterItems(PEER, { pageSize: 1 }))).toEqual(
      names.map((name) => `${name}.example`),
    );
    expect(server.requests()).toHaveLength(requests);
  });

  it("and runs in circles backwards is left", async () => {
    const { disco, server } = await turning("a", "b");

    expect(await jidsOf(disco.iterItems(PEER, { pageSize: 1, backwards: true }))).toEqual([
      "a.example",
      "b.example",
    ]);
    expect(server.requests()).toHaveLength(3);
  });

  it("and says of each page that it is the first is gone through backwards all the same", async () => {
    const { disco, server } = await connect();
    server.script = (request) =>
      fromWire(
        pageFor(request, jids(6))
          .toString()
          .replace(/index="\d+"/, `index="0"`),
      );

    expect((await list(disco.iterItems(PEER, { pageSize: 2, backwards: true }))).pages).toEqual([
      jids(6).slice(4),
      jids(6).slice(2, 4),
      jids(6).slice(0, 2),
    ]);
  });

  it("and says that an empty page has a last item is left", async () => {
    const { disco, server } = await connect();
    server.script = (request) =>
      replyTo(request, [], { first: server.requests().length, last: server.requests().length, count: 9 });

    expect(await jidsOf(disco.iterItems(PEER, { pageSize: 1 }))).toEqual([]);
    expect(server.requests()).toHaveLength(1);
  });

  it("with more items than were asked for is believed them", async () => {
    const { disco, server } = await connect();
    server.script = (request) => replyTo(request, jids(5), { first: "a", index: 0, last: "b", count: 5 });

    expect(await jidsOf(disco.iterItems(PEER, { pageSize: 2 }))).toEqual(jids(5));
    expect(server.requests()).toHaveLength(2);
  });

  it("with items whose JID is none has them left out, and the list goes on", async () => {
    const { disco, server } = await connect();
    server.script = (request) =>
      pageFor(request, ["a.example", "@@", "", "b.example", "a b/ c", "c.example"]);
    const pages = disco.iterItems(PEER, { pageSize: 1 });

    expect(await jidsOf(pages)).toEqual(["a.example", "b.example", "c.example"]);
    expect(pages.count).toBe(6);
  });

  it("with nothing usable is a MalformedResponse, after the items before it", async () => {
    const { disco, server } = await connect();
    server.script = (request) => {
      if (setOf(request)?.after === undefined) return pageFor(request, jids(3));
      const { id, to } = request.attrs;
      return xml("iq", { type: "result", id, from: to });
    };
    const { pages, error } = await list(disco.iterItems(PEER, { pageSize: 2 }));

    expect(pages).toEqual([jids(2)]);
    expect(error).toBeInstanceOf(MalformedResponse);
  });
});

describe("a page that fails", () => {
  /** A client that has got the first page of a list; how the second ends is up to the test. */
  async function afterFirst(options: PageOptions = {}) {
    const stage = await connect();
    stage.server.script = (request) =>
      setOf(request)?.after === undefined ? pageFor(request, jids(4)) : undefined;
    const got: string[] = [];
    const end = (async () => {
      for await (const { jid } of stage.disco.iterItems(PEER, { pageSize: 2, ...options })) got.push(jid);
    })();
    // Each test looks at it when it likes.
    end.catch(() => {});
    await until(() => stage.server.requests().length === 2);
    return { ...stage, got, end };
  }

  it("is thrown after the items before it", async () => {
    const { server, got, end } = await afterFirst();
    server.send(refusal(server.requests()[1], "forbidden", "auth"));

    await expect(end).rejects.toMatchObject({ name: "IqError", condition: "forbidden", type: "auth" });
    expect(got).toEqual(jids(2));
  });

  it("is thrown also where it is the first", async () => {
    const { server, disco } = await connect();
    server.script = (request) => refusal(request, "service-unavailable");

    await expect(jidsOf(disco.iterItems(PEER))).rejects.toBeInstanceOf(IqError);
  });

  it("may come too late, which is an IqTimeout", async () => {
    const { got, end } = await afterFirst({ timeout: 20 });

    await expect(end).rejects.toBeInstanceOf(IqTimeout);
    expect(got).toEqual(jids(2));
  });

  it("is SessionLost at once where the session is", async () => {
    const { server, got, end } = await afterFirst();
    server.cut();

    await expect(end).rejects.toBeInstanceOf(SessionLost);
    expect(got).toEqual(jids(2));
  });

  it("is waited for while the stream is cut and resumed", async () => {
    const { server, disco, xmpp } = await connect({ streamManagement: true });
    server.script = (request) =>
      setOf(request)?.after === undefined ? pageFor(request, jids(3)) : undefined;
    const listing = jidsOf(disco.iterItems(PEER, { pageSize: 2 }));
    await until(() => server.requests().length === 2);
    server.cut();
    await until(() => xmpp.status === "online");
    server.send(pageFor(present(server.requests()[1]), jids(3)));

    expect(await listing).toEqual(jids(3));
  });

  it("is ServiceDismissed where the service is", async () => {
    const { xmpp, end } = await afterFirst();
    xmpp.dismiss(DiscoClient);

    await expect(end).rejects.toBeInstanceOf(ServiceDismissed);
  });

  it("has its own timeout: a long list may take as long as it takes", async () => {
    const stage = await connect();
    const { server, disco } = stage;
    const advance = stoppedTimers();
    server.script = (request) => {
      setTimeout(() => server.send(pageFor(request, jids(6))), 900);
      return undefined;
    };
    const listing = jidsOf(disco.iterItems(PEER, { pageSize: 2, timeout: 1_000 }));
    for (let i = 0; i < 50; i += 1) await advance(100);

    expect(await listing).toEqual(jids(6));
  });
});

describe("a signal", () => {
  const reason = new Error("the caller's own");

  it("that is aborted before sends nothing", async () => {
    const { disco, server } = await withItems(3);

    await expect(jidsOf(disco.iterItems(PEER, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    await quiet();
    expect(server.requests()).toEqual([]);
  });

  it("that is aborted while a page is waited for ends the wait at once", async () => {
    const { disco, server } = await connect();
    const control = new AbortController();
    const listing = jidsOf(disco.iterItems(PEER, { signal: control.signal }));
    listing.catch(() => {});
    await until(() => server.requests().length === 1);
    control.abort(reason);

    await expect(listing).rejects.toBe(reason);
  });

  it("that is aborted in the middle of a page gives no more items, and sends nothing more", async () => {
    const { disco, server } = await withItems(5);
    const control = new AbortController();
    const got: string[] = [];
    const listing = (async () => {
      for await (const { jid } of disco.iterItems(PEER, { pageSize: 3, signal: control.signal })) {
        got.push(jid);
        if (got.length === 2) control.abort(reason);
      }
    })();

    await expect(listing).rejects.toBe(reason);
    expect(got).toEqual(jids(2));
    await quiet();
    expect(server.requests()).toHaveLength(1);
  });

  it("that is aborted between two pages sends nothing more", async () => {
    const { disco, server } = await withItems(5);
    const control = new AbortController();
    const pages = disco.iterItems(PEER, { pageSize: 2, signal: control.signal }).pages();
    await pages.next();
    control.abort(reason);

    await expect(pages.next()).rejects.toBe(reason);
    await quiet();
    expect(server.requests()).toHaveLength(1);
  });
});

describe("the caches", () => {
  it("have nothing of a list that was gone through, and are not asked", async () => {
    const { disco, server } = await withItems(3);
    const whole = await disco.queryItems(PEER);
    const before = disco.stats;
    await jidsOf(disco.iterItems(PEER, { pageSize: 2 }));
    await jidsOf(disco.iterItems(PEER, { pageSize: 2, node: "n" }));
    const { hits, misses } = disco.stats;

    expect(server.requests()).toHaveLength(5);
    expect({ hits, misses }).toEqual({ hits: before.hits, misses: before.misses });
    expect(await disco.queryItems(PEER)).toBe(whole);
    await disco.queryItems(PEER, { node: "n" });
    expect(server.requests()).toHaveLength(6);
  });

  it("have nothing of a peer without pages either", async () => {
    const { disco, server } = await connect();
    server.script = (request) => replyTo(request, jids(2));
    await jidsOf(disco.iterItems(PEER));
    await disco.queryItems(PEER);

    expect(server.requests()).toHaveLength(2);
  });

  it("are not told of: a page is not the list", async () => {
    const { disco } = await withItems(3);
    const told = vi.fn();
    disco.on("items", told);
    await jidsOf(disco.iterItems(PEER, { pageSize: 2 }));

    expect(told).not.toHaveBeenCalled();
  });

  it("do not share a page with who asks for the whole", async () => {
    const { disco, server } = await withItems(3);
    const [some, whole] = await Promise.all([
      jidsOf(disco.iterItems(PEER, { pageSize: 3 })),
      disco.queryItems(PEER),
    ]);

    expect(some).toEqual(whole.items.map(({ jid }) => jid));
    expect(server.requests().filter((request) => setOf(request) === undefined)).toHaveLength(1);
  });
});

describe("a peer that tells a first page to who asks for all", () => {
  /** A peer that gives so many items and no more, whatever it is asked for. */
  async function withShortPages(count: number, most: number) {
    const stage = await connect();
    stage.server.script = (request) => {
      const { max = most, ...set } = setOf(request) ?? {};
      const asked = Object.entries({ ...set, max: String(Math.min(Number(max), most)) });
      const page = xml("set", NS_RSM, ...asked.map(([name, text]) => xml(name, {}, text)));
      return pageFor(xml("iq", request.attrs, xml("query", NS_DISCO_ITEMS, page)), jids(count));
    };
    return stage;
  }

  it("is asked for the others, and the whole is one answer, which is cached", async () => {
    const { disco, server } = await withShortPages(10, 3);
    const told = vi.fn();
    disco.on("items", told);
    const [one, other] = await Promise.all([disco.queryItems(PEER), disco.queryItems(PEER)]);

    expect(one.items.map(({ jid }) => jid)).toEqual(jids(10));
    expect(other).toBe(one);
    expect(setsAt(server).map((set) => set?.after)).toEqual([
      undefined,
      "r2@rooms.example",
      "r5@rooms.example",
      "r8@rooms.example",
    ]);
    expect(await disco.queryItems(PEER)).toBe(one);
    expect(server.requests()).toHaveLength(4);
    expect(told.mock.calls).toEqual([[PEER, undefined, one]]);
  });

  it("is not asked again where the page is all there is", async () => {
    const { disco, server } = await withShortPages(3, 3);

    expect((await disco.queryItems(PEER)).items).toHaveLength(3);
    expect(server.requests()).toHaveLength(1);
  });

  it("and refuses the second leaves nothing in the cache: who asked is told why", async () => {
    const { disco, server } = await withShortPages(10, 3);
    const pageOfThree = server.script;
    server.script = (request) =>
      setOf(request)?.after === undefined
        ? pageOfThree(request, server)
        : refusal(request, "forbidden", "auth");
    await expect(disco.queryItems(PEER)).rejects.toMatchObject({ condition: "forbidden" });
    server.script = pageOfThree;

    expect((await disco.queryItems(PEER)).items).toHaveLength(10);
  });

  it("whose list does not end fills no memory", async () => {
    const { disco, server } = await connect();
    let place = 0;
    server.script = (request) => {
      const page = Array.from({ length: 20_000 }, (_, i) => `r${place + i}@${PEER}`);
      place += page.length;
      return replyTo(request, page, { first: present(page[0]), last: present(page.at(-1)) });
    };

    await expect(disco.queryItems(PEER)).rejects.toBeInstanceOf(MalformedResponse);
    expect(server.requests()).toHaveLength(6);
  });
});

describe("a bad argument", () => {
  const bad: readonly (readonly [
    what: string,
    call: (disco: DiscoClient) => unknown,
    error: object,
    named: string,
  ])[] = [
    ["a JID that is none", (disco) => disco.iterItems("@@"), TypeError, "@@"],
    ["no JID", (disco) => disco.iterItems(undefined as never), TypeError, "undefined"],
    ["a negative page size", (disco) => disco.iterItems(PEER, { pageSize: -1 }), RangeError, "max"],
    ["half a page size", (disco) => disco.iterItems(PEER, { pageSize: 0.5 }), RangeError, "max"],
    ["a page size of NaN", (disco) => disco.iterItems(PEER, { pageSize: Number.NaN }), RangeError, "max"],
    [
      "a page size without end",
      (disco) => disco.iterItems(PEER, { pageSize: Number.POSITIVE_INFINITY }),
      RangeError,
      "max",
    ],
    [
      "a page size that is text",
      (disco) => disco.iterItems(PEER, { pageSize: "9" as never }),
      RangeError,
      "max",
    ],
    ["a negative place", (disco) => disco.iterItems(PEER, { index: -1 }), RangeError, "index"],
    ["an item that is no text", (disco) => disco.iterItems(PEER, { after: 5 as never }), TypeError, "after"],
    [
      "an item that XML cannot carry",
      (disco) => disco.iterItems(PEER, { after: "\u0000" }),
      TypeError,
      "after",
    ],
    [
      "an item and a place",
      (disco) => disco.iterItems(PEER, { after: "x", index: 1 }),
      TypeError,
      "without index",
    ],
    ["a timeout that is none", (disco) => disco.iterItems(PEER, { timeout: -1 }), Error, "timeout"],
    ["a node that is no text", (disco) => disco.iterItems(PEER, { node: 5 as never }), TypeError, "node"],
    ["a sender that is no JID", (disco) => disco.iterItems(PEER, { from: "@@" }), TypeError, "@@"],
    ["a signal that is none", (disco) => disco.iterItems(PEER, { signal: {} as never }), TypeError, "signal"],
    [
      "backwards from an item",
      (disco) => disco.iterItems(PEER, { backwards: true, after: "x" }),
      TypeError,
      "backwards",
    ],
    [
      "backwards from a place",
      (disco) => disco.iterItems(PEER, { backwards: true, index: 0 }),
      TypeError,
      "backwards",
    ],
  ];

  it.each(bad)("is thrown at the call, and sends nothing: %s", async (_, call, error, named) => {
    const { disco, server } = await connect();

    expect(() => call(disco)).toThrow(error as ErrorConstructor);
    expect(() => call(disco)).toThrow(named);
    await quiet();
    expect(server.requests()).toEqual([]);
  });

  it("is local without a DiscoServer, a clear error by the first item", async () => {
    const { disco } = (await connect()) satisfies Stage;

    await expect(jidsOf(disco.iterItems(PEER, { local: true }))).rejects.toThrow(
      /no DiscoServer is summoned/,
    );
  });
});
