import { describe, expect, it, vi } from "vitest";
import type { DomainOptions, DomainResult, ServiceQuery } from "../../../src/disco/finding.ts";
import {
  DiscoClient,
  DiscoServer,
  IqError,
  IqTimeout,
  MalformedResponse,
  NS_DISCO_INFO,
  SessionLost,
} from "../../../src/index.ts";
import {
  allOf,
  askedComponent,
  COMPONENT,
  type Entities,
  features,
  identity,
  items,
  Network,
  until,
} from "./answering.ts";
import { connect, expectNoStrays, quiet, stage } from "./support.ts";

expectNoStrays();

const DOMAIN = "montague.example";
const ACCOUNT = "romeo@montague.example";
const OTHER = "capulet.lit";

/** A domain with three services, of which one does not answer for itself. */
const SERVICES: Entities = {
  [OTHER]: {
    info: [identity("server", "im")],
    items: items("muc.capulet.lit", "dead.capulet.lit", "upload.capulet.lit"),
  },
  "muc.capulet.lit": {
    info: [identity("conference", "text"), ...features("http://jabber.org/protocol/muc")],
  },
  "dead.capulet.lit": { info: "remote-server-timeout" },
  "upload.capulet.lit": { info: [identity("store", "file"), ...features("urn:xmpp:http:upload:0")] },
};

const reason = new Error("the caller's own");

async function online(
  entities: ConstructorParameters<typeof Network>[1] = SERVICES,
  options?: { isHeld: boolean },
) {
  const it = await connect();
  return { ...it, network: new Network(it.server, entities, options) };
}

/** A result in a word: the JID, and the error's condition or name where it is one. */
function wordOf({ jid, error }: DomainResult): string {
  if (error === undefined) return jid;
  return `${jid}: ${error instanceof IqError ? error.condition : error.name}`;
}

const wordsOf = async (results: AsyncIterable<DomainResult>) => (await allOf(results)).map(wordOf);
const sorted = (words: readonly string[]) => [...words].sort();

describe("looking through a domain", () => {
  it("tells what the domain itself and each of its services is, or why it does not say", async () => {
    const { disco } = await online();
    const results = await allOf(disco.queryDomain(OTHER));

    expect(sorted(results.map(wordOf))).toEqual([
      OTHER,
      "dead.capulet.lit: remote-server-timeout",
      "muc.capulet.lit",
      "upload.capulet.lit",
    ]);
    expect(
      results.find(({ jid }) => jid === "muc.capulet.lit")?.info?.has("http://jabber.org/protocol/muc"),
    ).toBe(true);
  });

  it("is of one's own domain where none is said, and has one's own account", async () => {
    const { disco, network } = await online({
      [DOMAIN]: { info: [identity("server", "im")], items: items("muc.montague.example") },
      "muc.montague.example": { info: [identity("conference", "text")] },
      [ACCOUNT]: { info: [identity("pubsub", "pep")] },
    });

    expect(sorted(await wordsOf(disco.queryDomain()))).toEqual([DOMAIN, "muc.montague.example", ACCOUNT]);
    expect(network.asked).toHaveLength(4);
  });

  it("has one's own account also where one's own domain is named, in whatever form", async () => {
    const { disco } = await online({ [DOMAIN]: { info: [], items: [] }, [ACCOUNT]: { info: [] } });

    expect(sorted(await wordsOf(disco.queryDomain("Montague.EXAMPLE")))).toEqual([DOMAIN, ACCOUNT]);
  });

  it("has one's own account once where the domain lists it, too", async () => {
    const { disco, network } = await online({
      [DOMAIN]: { info: [], items: items(ACCOUNT) },
      [ACCOUNT]: { info: [] },
    });

    expect(sorted(await wordsOf(disco.queryDomain()))).toEqual([DOMAIN, ACCOUNT]);
    expect(network.asked.filter((name) => name === `info ${ACCOUNT}`)).toHaveLength(1);
  });

  it("of others does not have one's own account", async () => {
    const { disco, network } = await online();
    await allOf(disco.queryDomain(OTHER));

    expect(network.asked).not.toContain(`info ${ACCOUNT}`);
  });

  it("of a component's own is itself, answered without a stanza", async () => {
    const { xmpp, server } = await askedComponent();

    expect(await wordsOf(xmpp.summon(DiscoClient).queryDomain())).toEqual([COMPONENT]);
    expect(server.received).toEqual([]);
  });

  it("asks each service once, whatever nodes of it are listed and how often, in whatever form", async () => {
    const listed = items(
      "muc.capulet.lit",
      "muc.capulet.lit#rooms",
      "MUC.Capulet.LIT",
      `${OTHER}#news`,
      OTHER,
    );
    const { disco, network } = await online({
      [OTHER]: { info: [], items: listed },
      "muc.capulet.lit": { info: [] },
    });

    expect(sorted(await wordsOf(disco.queryDomain(OTHER)))).toEqual([OTHER, "muc.capulet.lit"]);
    expect(sorted(network.asked)).toEqual([`info ${OTHER}`, "info muc.capulet.lit", `items ${OTHER}`]);
  });

  it("leaves out items whose JID is none", async () => {
    const { disco } = await online({
      [OTHER]: { info: [], items: items("@@", "", "a b@capulet.lit", "muc.capulet.lit") },
      "muc.capulet.lit": { info: [] },
    });

    expect(sorted(await wordsOf(disco.queryDomain(OTHER)))).toEqual([OTHER, "muc.capulet.lit"]);
  });

  it("has a service that is an account or a resource", async () => {
    const { disco } = await online({
      [OTHER]: { info: [], items: items("bot@capulet.lit/Desk") },
      "bot@capulet.lit/Desk": { info: [] },
    });

    expect(sorted(await wordsOf(disco.queryDomain(OTHER)))).toEqual(["bot@capulet.lit/Desk", OTHER]);
  });

  it("asks as one of a component's JIDs", async () => {
    const { xmpp, server } = await askedComponent();
    const results = xmpp.summon(DiscoClient).queryDomain(OTHER, { from: "room@comp.example" });
    const first = results.next();
    await until(() => server.received.length === 2);

    expect(server.received.map(({ attrs }) => attrs.from)).toEqual([
      "room@comp.example",
      "room@comp.example",
    ]);
    await xmpp.stop();
    await first;
  });
});

describe("the results of a domain", () => {
  it("come in the order in which the answers arrive", async () => {
    const { disco, network } = await online(SERVICES, { isHeld: true });
    const words: string[] = [];
    const all = (async () => {
      for await (const result of disco.queryDomain(OTHER)) words.push(wordOf(result));
    })();
    const order = [
      `items ${OTHER}`,
      "info upload.capulet.lit",
      `info ${OTHER}`,
      "info muc.capulet.lit",
      "info dead.capulet.lit",
    ];
    for (const name of order) {
      const before = words.length;
      await network.answer(name);
      if (name.startsWith("info")) await until(() => words.length > before);
    }
    await all;

    expect(words).toEqual([
      "upload.capulet.lit",
      OTHER,
      "muc.capulet.lit",
      "dead.capulet.lit: remote-server-timeout",
    ]);
  });

  it("are not delayed by a service that never answers, whose timeout comes last", async () => {
    const { disco } = await online({ ...SERVICES, "dead.capulet.lit": { info: "" } });
    const words = await wordsOf(disco.queryDomain(OTHER, { timeout: 200 }));

    expect(words.at(-1)).toBe("dead.capulet.lit: IqTimeout");
    expect(sorted(words.slice(0, -1))).toEqual([OTHER, "muc.capulet.lit", "upload.capulet.lit"]);
  });

  it("are not delayed by a domain that does not answer for itself", async () => {
    const { disco } = await online({ ...SERVICES, [OTHER]: { info: "", items: items("muc.capulet.lit") } });
    const results = disco.queryDomain(OTHER, { timeout: 200 });

    expect(wordOf((await results.next()).value as DomainResult)).toBe("muc.capulet.lit");
    expect(wordOf((await results.next()).value as DomainResult)).toBe(`${OTHER}: IqTimeout`);
  });

  it.each(["feature-not-implemented", "service-unavailable", "item-not-found"])(
    "are the domain's alone where it has no list: %s",
    async (condition) => {
      const { disco } = await online({ [OTHER]: { info: [], items: condition } });

      expect(await wordsOf(disco.queryDomain(OTHER))).toEqual([OTHER]);
    },
  );

  it("have the error of a list that failed otherwise: it is not as if there were no services", async () => {
    const { disco } = await online({ [OTHER]: { info: [], items: "forbidden" } });

    expect(sorted(await wordsOf(disco.queryDomain(OTHER)))).toEqual([OTHER, `${OTHER}: forbidden`]);
  });

  it("have errors of all kinds, each with its entity", async () => {
    const names = ["error", "silent", "broken"].map((name) => `${name}.capulet.lit`);
    const { disco, server } = await online({
      [OTHER]: { info: [], items: items(...names) },
      "error.capulet.lit": { info: "forbidden" },
      "silent.capulet.lit": { info: "" },
      "broken.capulet.lit": { info: "" },
    });
    const { script } = server;
    server.script = (request, at) => {
      const { id, to } = request.attrs;
      if (to === "broken.capulet.lit") return `<iq type="result" id="${id}" from="${to}"/>`;
      return script(request, at);
    };
    const results = await allOf(disco.queryDomain(OTHER, { timeout: 50 }));
    const errorOf = (jid: string | undefined) => results.find((result) => result.jid === jid)?.error;

    expect(results).toHaveLength(4);
    expect(errorOf(names[0])).toBeInstanceOf(IqError);
    expect(errorOf(names[1])).toBeInstanceOf(IqTimeout);
    expect(errorOf(names[2])).toBeInstanceOf(MalformedResponse);
  });

  it("are errors for all that were open when the session was lost", async () => {
    const { disco, server } = await online({ ...SERVICES, "muc.capulet.lit": { info: "" } });
    const results: DomainResult[] = [];
    const all = (async () => {
      for await (const result of disco.queryDomain(OTHER)) results.push(result);
    })();
    await until(() => results.length === 3);
    server.cut();
    await all;

    expect(results.at(-1)).toMatchObject({ jid: "muc.capulet.lit", error: expect.any(SessionLost) });
  });

  it("are errors for a client that never was on line", async () => {
    const { disco } = stage();

    expect(await wordsOf(disco.queryDomain())).toEqual([`${DOMAIN}: SessionLost`, `${DOMAIN}: SessionLost`]);
  });
});

describe("the caches", () => {
  it("answer the second time", async () => {
    const { disco, network } = await online();
    await allOf(disco.queryDomain(OTHER));
    const before = network.asked.length;
    const words = await wordsOf(disco.queryDomain(OTHER));

    expect(words).toHaveLength(4);
    // What failed is asked again.
    expect(network.asked.slice(before)).toEqual(["info dead.capulet.lit"]);
  });

  it("are not asked where fresh answers are required", async () => {
    const { disco, network } = await online();
    await allOf(disco.queryDomain(OTHER));
    const before = network.asked.length;
    await allOf(disco.queryDomain(OTHER, { requireFresh: true }));

    expect(sorted(network.asked.slice(before))).toEqual(sorted(network.asked.slice(0, before)));
  });

  it("have nothing partial after one that was left: the next gives all", async () => {
    const { disco } = await online();
    for await (const _ of disco.queryDomain(OTHER)) break;
    await quiet();

    expect(await wordsOf(disco.queryDomain(OTHER))).toHaveLength(4);
  });

  it("have nothing partial after one that was aborted: the next gives all", async () => {
    const { disco } = await online();
    const control = new AbortController();
    const results = disco.queryDomain(OTHER, { signal: control.signal });
    await results.next();
    control.abort(reason);
    await expect(results.next()).rejects.toBe(reason);

    expect(await wordsOf(disco.queryDomain(OTHER))).toHaveLength(4);
  });

  it("have nothing of a list that failed: the next finds the services", async () => {
    const { disco, network } = await online({
      ...SERVICES,
      [OTHER]: { info: [], items: "remote-server-timeout" },
    });
    expect(await wordsOf(disco.queryDomain(OTHER))).toHaveLength(2);
    network.entities = SERVICES;

    expect(await wordsOf(disco.queryDomain(OTHER))).toHaveLength(4);
  });

  it("have nothing of a service that failed: the next finds it", async () => {
    const { disco, network } = await online();
    expect(await disco.findService({ feature: "later" }, { domain: OTHER })).toBeUndefined();
    network.entities = { ...SERVICES, "dead.capulet.lit": { info: features("later") } };

    expect((await disco.findService({ feature: "later" }, { domain: OTHER }))?.jid).toBe("dead.capulet.lit");
  });

  it("have what one first match left for who looks for all", async () => {
    const { disco } = await online();
    await disco.findService({ category: "server" }, { domain: OTHER });

    expect(await disco.findServices({ category: "store" }, { domain: OTHER })).toHaveLength(1);
  });
});

describe("how many are asked at once", () => {
  const many = Array.from({ length: 40 }, (_, i) => `s${i}.capulet.lit`);
  const all = (name: string) => ({ info: [], items: name === OTHER ? items(...many) : [] });

  it.each([1, 3, 25])("is %i at the most, as the caller says", async (concurrency) => {
    const { disco, network } = await online(all);

    expect(await allOf(disco.queryDomain(OTHER, { concurrency }))).toHaveLength(41);
    expect(network.most).toBe(concurrency);
  });

  it("is ten at the most where nothing is said", async () => {
    const { disco, network } = await online(all);
    await allOf(disco.queryDomain(OTHER));

    expect(network.most).toBe(10);
  });

  it("is kept to while some never answer", async () => {
    const { disco, network } = await online((name) => (name === "s0.capulet.lit" ? { info: "" } : all(name)));
    const words = await wordsOf(disco.queryDomain(OTHER, { concurrency: 2, timeout: 2_000 }));

    expect(words).toHaveLength(41);
    expect(words).toContain("s0.capulet.lit: IqTimeout");
    expect(network.most).toBe(2);
  });
});

describe("leaving early", () => {
  it("sends nothing before the first result is asked for", async () => {
    const { disco, network } = await online();
    disco.queryDomain(OTHER);
    await quiet();

    expect(network.asked).toEqual([]);
  });

  it("sends nothing more once the loop is left", async () => {
    const { disco, network } = await online();
    for await (const { jid } of disco.queryDomain(OTHER, { concurrency: 2 }))
      if (jid === "muc.capulet.lit") break;
    await quiet();
    const before = network.asked.length;
    await quiet(10);

    expect(network.asked).toHaveLength(before);
    expect(network.asked).not.toContain("info upload.capulet.lit");
  });

  it("sends nothing where the signal is aborted already", async () => {
    const { disco, network } = await online();

    await expect(allOf(disco.queryDomain(OTHER, { signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    await quiet();
    expect(network.asked).toEqual([]);
  });

  it("ends with the signal's reason, and not with an error for each service", async () => {
    const { disco } = await online((name) => ({ ...SERVICES[name], info: "" }));
    const control = new AbortController();
    const results: DomainResult[] = [];
    const all = (async () => {
      for await (const result of disco.queryDomain(OTHER, { signal: control.signal })) results.push(result);
    })();
    all.catch(() => {});
    await quiet(10);
    control.abort(reason);

    await expect(all).rejects.toBe(reason);
    expect(results).toEqual([]);
  });
});

describe("finding services", () => {
  const found = async (disco: DiscoClient, query: ServiceQuery) =>
    sorted((await disco.findServices(query, { domain: OTHER })).map(({ jid }) => jid ?? ""));
  const MUC = "http://jabber.org/protocol/muc";

  const several: Entities = {
    [OTHER]: {
      info: [identity("server", "im"), identity("pubsub", "pep"), ...features("f")],
      items: items("a.lit", "b.lit", "c.lit"),
    },
    "a.lit": { info: [identity("conference", "text"), ...features(MUC, "f")] },
    "b.lit": { info: [identity("conference", "irc"), ...features(MUC)] },
    "c.lit": { info: [identity("conference", "irc"), identity("gateway", "text"), ...features("f")] },
  };

  it.each<[what: string, query: ServiceQuery, jids: string[]]>([
    ["a feature", { feature: MUC }, ["a.lit", "b.lit"]],
    ["a category", { category: "conference" }, ["a.lit", "b.lit", "c.lit"]],
    ["a type", { type: "irc" }, ["b.lit", "c.lit"]],
    ["a category and type, of one identity", { category: "conference", type: "text" }, ["a.lit"]],
    ["a category and type of the domain's second identity", { category: "pubsub", type: "pep" }, [OTHER]],
    ["a feature and a category", { feature: "f", category: "conference" }, ["a.lit", "c.lit"]],
    ["all three", { feature: "f", category: "conference", type: "irc" }, ["c.lit"]],
    [
      "disco#info, which whoever answers supports",
      { feature: NS_DISCO_INFO },
      ["a.lit", "b.lit", "c.lit", OTHER],
    ],
    ["what there is none of", { feature: "f", category: "store" }, []],
  ])("is by %s", async (_, query, jids) => {
    const { disco } = await online(several);

    expect(await found(disco, query)).toEqual(jids);
  });

  it("gives what the services said of themselves", async () => {
    const { disco } = await online();
    const [upload] = await disco.findServices({ feature: "urn:xmpp:http:upload:0" }, { domain: OTHER });

    expect(upload).toMatchObject({
      jid: "upload.capulet.lit",
      identities: [{ category: "store", type: "file" }],
    });
    expect(await disco.queryInfo("upload.capulet.lit")).toBe(upload);
  });

  it("looks at one's own domain and account where no domain is said", async () => {
    const { disco } = await online({ [DOMAIN]: { info: features("f") }, [ACCOUNT]: { info: features("f") } });

    expect((await disco.findServices({ feature: "f" })).map(({ jid }) => jid)).toEqual([DOMAIN, ACCOUNT]);
  });

  it("is not kept from the others by one that fails, which is told", async () => {
    const { disco } = await online();
    const onError = vi.fn();
    const list = await disco.findServices({ category: "conference" }, { domain: OTHER, onError });

    expect(list.map(({ jid }) => jid)).toEqual(["muc.capulet.lit"]);
    expect(onError.mock.calls).toEqual([
      ["dead.capulet.lit", expect.objectContaining({ name: "IqError", condition: "remote-server-timeout" })],
    ]);
  });

  it("is not ended by what fails where nobody wants to know", async () => {
    const { disco } = await online(() => undefined);

    expect(await disco.findServices({ category: "conference" }, { domain: OTHER })).toEqual([]);
    expect(await disco.findService({ category: "conference" }, { domain: OTHER })).toBeUndefined();
  });

  it("is ended by what onError throws", async () => {
    const { disco } = await online();
    const onError = () => {
      throw reason;
    };

    await expect(disco.findServices({ feature: "f" }, { domain: OTHER, onError })).rejects.toBe(reason);
  });

  it("is ended by the signal, with its reason", async () => {
    const { disco } = await online({ ...SERVICES, "muc.capulet.lit": { info: "" } });
    const control = new AbortController();
    const list = disco.findServices({ feature: "f" }, { domain: OTHER, signal: control.signal });
    list.catch(() => {});
    await quiet();
    control.abort(reason);

    await expect(list).rejects.toBe(reason);
  });

  it("takes no longer than the timeout where one never answers", async () => {
    const { disco } = await online({ ...SERVICES, "dead.capulet.lit": { info: "" } });
    const onError = vi.fn();
    const list = await disco.findServices({ category: "store" }, { domain: OTHER, onError, timeout: 100 });

    expect(list).toHaveLength(1);
    expect(onError).toHaveBeenCalledExactlyOnceWith("dead.capulet.lit", expect.any(IqTimeout));
  });

  it("asks no more than so many at once", async () => {
    const { disco, network } = await online(several);
    await disco.findServices({ feature: "f" }, { domain: OTHER, concurrency: 2 });

    expect(network.most).toBe(2);
  });
});

describe("finding the first service", () => {
  it("does not wait for those that do not answer", async () => {
    const { disco } = await online({
      ...SERVICES,
      "dead.capulet.lit": { info: "" },
      [OTHER]: { info: "", items: SERVICES[OTHER]?.items },
    });

    expect((await disco.findService({ category: "conference" }, { domain: OTHER }))?.jid).toBe(
      "muc.capulet.lit",
    );
  });

  it("asks nobody else once it is found", async () => {
    const { disco, network } = await online();
    await disco.findService({ category: "server" }, { domain: OTHER, concurrency: 1 });
    await quiet(10);

    expect(network.asked).toEqual([`info ${OTHER}`]);
  });

  it("is the first that answers, not the first that is listed", async () => {
    const both: Entities = {
      [OTHER]: { info: [], items: items("a.lit", "b.lit") },
      "a.lit": { info: features("f") },
      "b.lit": { info: features("f") },
    };
    const { disco, network } = await online(both, { isHeld: true });
    const first = disco.findService({ feature: "f" }, { domain: OTHER });
    await network.answer(`items ${OTHER}`, "info b.lit");

    expect((await first)?.jid).toBe("b.lit");
  });

  it("is none after all have been asked", async () => {
    const { disco, network } = await online();

    expect(await disco.findService({ feature: "none has it" }, { domain: OTHER })).toBeUndefined();
    expect(network.asked).toHaveLength(5);
  });

  it("tells the errors that came before it", async () => {
    const { disco, network } = await online(SERVICES, { isHeld: true });
    const onError = vi.fn();
    const first = disco.findService({ category: "store" }, { domain: OTHER, onError });
    await network.answer(`items ${OTHER}`, "info dead.capulet.lit");
    await until(() => onError.mock.calls.length === 1);
    await network.answer("info upload.capulet.lit");

    expect((await first)?.jid).toBe("upload.capulet.lit");
    expect(onError).toHaveBeenCalledOnce();
  });
});

describe("a bad argument", () => {
  it.each<[what: string, domain: unknown, options: object, named: string]>([
    ["a domain that is none", "@@", {}, "domain"],
    ["a domain that is a number", 5, {}, "5"],
    ["nobody at once", OTHER, { concurrency: 0 }, "concurrency"],
    ["half a one at once", OTHER, { concurrency: 1.5 }, "concurrency"],
    ["endlessly many at once", OTHER, { concurrency: Number.POSITIVE_INFINITY }, "concurrency"],
    ["so many at once as a text says", OTHER, { concurrency: "3" }, "concurrency"],
    ["a negative timeout", OTHER, { timeout: -1 }, "timeout"],
    ["a timeout that is text", OTHER, { timeout: "1000" }, "timeout"],
    ["a signal that is none", OTHER, { signal: {} }, "signal"],
    ["a sender that is no JID", OTHER, { from: "@@" }, "from"],
  ])("is a clear error at once, and sends nothing: %s", async (_, domain, options, named) => {
    const { disco, network } = await online();
    const call = () => disco.queryDomain(domain as string, options as DomainOptions);

    expect(call).toThrow(named);
    await expect(
      disco.findServices({ feature: "f" }, { domain: domain as string, ...options }),
    ).rejects.toThrow(named);
    await expect(
      disco.findService({ feature: "f" }, { domain: domain as string, ...options }),
    ).rejects.toThrow(named);
    expect(network.asked).toEqual([]);
  });

  it.each<[what: string, query: unknown, named: string]>([
    ["nothing", undefined, "none is given"],
    ["null", null, "none is given"],
    ["an empty query", {}, "none is given"],
    ["a feature alone", "urn:xmpp:ping", "none is given"],
    ["a word misspelt", { features: "f" }, "none is given"],
    ["a feature that is no text", { feature: 5 }, "feature"],
    ["a category that is a list", { category: ["conference"] }, "category"],
    ["a type that is null", { category: "conference", type: null }, "type"],
  ])("to look for is a clear error, and sends nothing: %s", async (_, query, named) => {
    const { disco, network } = await online();

    await expect(disco.findServices(query as ServiceQuery, { domain: OTHER })).rejects.toThrow(TypeError);
    await expect(disco.findService(query as ServiceQuery, { domain: OTHER })).rejects.toThrow(named);
    await quiet();
    expect(network.asked).toEqual([]);
  });
});

describe("a client that answers, too", () => {
  it("is found by itself without a stanza where the domain lists it", async () => {
    const { disco, xmpp, network } = await online({
      [OTHER]: { info: [], items: items("romeo@montague.example/orchard") },
    });
    xmpp.summon(DiscoServer).registerFeature("mine");

    expect((await disco.findService({ feature: "mine" }, { domain: OTHER }))?.jid).toBe(
      "romeo@montague.example/orchard",
    );
    expect(network.asked).toHaveLength(2);
  });
});
