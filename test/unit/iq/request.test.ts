import { jid } from "@xmpp/jid";
import xml, { type Element } from "@xmpp/xml";
import { afterEach, describe, expect, test, vi } from "vitest";
import { IqService, Service } from "../../../src/index.ts";
import { countListeners } from "../../support/signal.ts";
import { isOpen } from "../services/support.ts";
import {
  cut,
  deliver,
  failure,
  firstRequest,
  offline,
  online,
  type Party,
  request,
  requests,
  result,
  version,
} from "./support.ts";

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("request", () => {
  test("resolves with the whole stanza that answers it", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza, xml("query", "jabber:iq:version", xml("name", {}, "Psi")));
    const answer = await iq.request(request("capulet.example"));
    expect(answer.name).toBe("iq");
    expect(answer.attrs.from).toBe("capulet.example");
    expect(answer.getChild("query")?.getChildText("name")).toBe("Psi");
  });

  test("sends what it is given, and adds an id", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    await iq.request(xml("iq", { type: "set", to: "capulet.example", "xml:lang": "de" }, version()));
    const { attrs, children } = await firstRequest(server);
    expect(attrs).toEqual({ type: "set", to: "capulet.example", "xml:lang": "de", id: expect.any(String) });
    expect(children.map(String)).toEqual(['<query xmlns="jabber:iq:version"/>']);
  });

  test("leaves the stanza it is given as it is, so that it can be sent again", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    const stanza = request("Capulet.Example");
    const before = stanza.toString();
    await Promise.all([iq.request(stanza), iq.request(stanza)]);
    expect(stanza.toString()).toBe(before);
    const [one, two] = await requests(server, 2);
    expect(one?.attrs.id).not.toBe(two?.attrs.id);
  });

  test("writes the address in its canonical form", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    await iq.request(request("Juliet@CAPULET.example/Balcony"));
    expect((await firstRequest(server)).attrs.to).toBe("juliet@capulet.example/Balcony");
  });

  test("takes an address as a JID object", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    await iq.request(request(undefined, { to: jid("juliet@capulet.example") }));
    expect((await firstRequest(server)).attrs.to).toBe("juliet@capulet.example");
  });

  test.each([
    ["nothing", undefined, "undefined"],
    ["text", "<iq type='get'/>", "\"<iq type='get'/>\""],
    ["a message", xml("message", { type: "get" }), '<message type="get"/>'],
    ["an answer", xml("iq", { type: "result" }), '<iq type="result"/>'],
    ["an iq without a type", xml("iq"), "<iq/>"],
  ])("rejects %s, which is no request", async (_what, value, shown) => {
    const { server, iq } = await online();
    await expect(iq.request(value as Element)).rejects.toThrow(
      new TypeError(`a request is an <iq/> of type "get" or "set", not ${shown}`),
    );
    expect(server.received).toEqual([]);
  });

  test.each([
    ["to", "@@@", '"@@@"'],
    ["to", "", '""'],
    ["from", "juliet@", '"juliet@"'],
  ])("rejects a %s that is no JID, %j, and sends nothing", async (attribute, value, shown) => {
    const { server, iq } = await online();
    await expect(iq.request(request("capulet.example", { [attribute]: value }))).rejects.toThrow(
      new TypeError(`${attribute} is no JID: ${shown}`),
    );
    expect(server.received).toEqual([]);
  });

  test("takes its listener off the signal when it is answered", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    const { signal } = new AbortController();
    const listeners = countListeners(signal);
    await iq.request(request("capulet.example"), { signal });
    expect(listeners).toEqual({ added: 1, removed: 1 });
  });

  test("asks several peers at once, and gives everybody their own answer", async () => {
    const { server, iq } = await online();
    const peers = ["a.example", "b.example", "c.example"];
    const answers = Promise.all(peers.map((peer) => iq.request(request(peer))));
    for (const stanza of (await requests(server, 3)).reverse()) server.send(result(stanza));
    expect((await answers).map(({ attrs }) => attrs.from)).toEqual(peers);
  });

  test("can go to one's own account, without an address", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza, xml("own", "urn:example"));
    expect((await iq.request(request())).getChild("own")).toBeDefined();
    expect((await firstRequest(server)).attrs).not.toHaveProperty("to");
  });
});

describe("get and set", () => {
  test.each(["get", "set"] as const)("%s sends a request of that type", async (type) => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    await iq[type](version(), "capulet.example");
    const { attrs, children } = await firstRequest(server);
    expect(attrs).toMatchObject({ type, to: "capulet.example" });
    expect(children.map(String)).toEqual(['<query xmlns="jabber:iq:version"/>']);
  });

  test.each(["get", "set"] as const)("%s resolves with the payload of the answer", async (type) => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza, xml("time", "urn:xmpp:time"));
    expect((await iq[type](version(), "capulet.example"))?.is("time", "urn:xmpp:time")).toBe(true);
  });

  test.each(["get", "set"] as const)("%s resolves with undefined where the answer is empty", async (type) => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    expect(await iq[type](version(), "capulet.example")).toBeUndefined();
  });

  test("get finds the payload between the line breaks of a peer that indents", async () => {
    const { server, iq } = await online();
    server.script = ({ attrs }) =>
      `<iq type="result" id="${attrs.id}" from="${attrs.to}">\n  <time xmlns="urn:xmpp:time"/>\n</iq>`;
    expect((await iq.get(version(), "capulet.example"))?.name).toBe("time");
  });

  test("get asks one's own account where no address is given", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    await iq.get(version());
    expect((await firstRequest(server)).attrs).not.toHaveProperty("to");
  });

  test("get asks as another JID where it is told to", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    await iq.get(version(), "capulet.example", { from: "Romeo@montague.example/orchard" });
    expect((await firstRequest(server)).attrs.from).toBe("romeo@montague.example/orchard");
  });

  test("get takes addresses as JID objects", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    const to = jid("juliet@capulet.example");
    const from = jid("romeo@montague.example/orchard");
    await iq.get(version(), to, { from });
    expect((await firstRequest(server)).attrs).toMatchObject({ to: String(to), from: String(from) });
  });

  test.each([undefined, null, "<query/>", {}])("get rejects %j, which is no payload", async (payload) => {
    const { iq } = await online();
    await expect(iq.get(payload as unknown as Element, "capulet.example")).rejects.toThrow(
      /^payload is no Element of @xmpp\/xml: /,
    );
  });

  test("get rejects an address that is none", async () => {
    const { iq } = await online();
    await expect(iq.get(version(), "@@@")).rejects.toThrow(new TypeError('to is no JID: "@@@"'));
  });
});

describe("ids", () => {
  async function idsOf(count: number): Promise<string[]> {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    await Promise.all(Array.from({ length: count }, () => iq.get(version(), "capulet.example")));
    return server.requests().map(({ attrs }) => attrs.id);
  }

  test("are unique", async () => {
    expect(new Set(await idsOf(500)).size).toBe(500);
  });

  test("are long enough to be unguessable", async () => {
    for (const id of await idsOf(20)) expect(id.length).toBeGreaterThanOrEqual(22);
  });

  test("do not tell the next one: neighbours have nothing in common", async () => {
    const ids = await idsOf(100);
    const common = (a: string, b: string) => [...a].filter((character, at) => character === b[at]).length;
    for (const [at, id] of ids.entries()) {
      const next = ids[at + 1];
      // Sixteen characters in common of 32 hexadecimal digits are a chance of one in 10^9.
      if (next !== undefined)
        expect(common(id.replaceAll("-", ""), next.replaceAll("-", ""))).toBeLessThan(16);
    }
  });

  test("owe nothing to Math.random, which can be predicted", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0.5);
    expect(new Set(await idsOf(50)).size).toBe(50);
  });

  test("are as good on a page without https, where crypto.randomUUID is missing", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    const { getRandomValues } = crypto;
    vi.stubGlobal("crypto", { getRandomValues: getRandomValues.bind(crypto) });
    await Promise.all(Array.from({ length: 50 }, () => iq.get(version(), "capulet.example")));
    const ids = server.requests().map(({ attrs }) => attrs.id as string);
    expect(new Set(ids).size).toBe(50);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  });

  test("that a stanza has are kept", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    const answer = await iq.request(request("capulet.example", { id: "mine" }));
    expect((await firstRequest(server)).attrs.id).toBe("mine");
    expect(answer.attrs.id).toBe("mine");
  });

  test("that are numbers are answered as well", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    const stanza = request("capulet.example");
    stanza.attrs.id = 7;
    const answer = await iq.request(stanza, { timeout: 1_000 });
    expect(answer.attrs.id).toBe("7");
  });

  test("that are in use are an error, and the request under way goes on", async () => {
    const party = await online();
    const { server, iq } = party;
    const first = iq.request(request("capulet.example", { id: "mine" }));
    await expect(iq.request(request("other.example", { id: "mine" }))).rejects.toThrow(
      new TypeError('a request with the id "mine" is under way: leave the id out'),
    );
    await deliver(party, result(await firstRequest(server)));
    expect((await first).attrs.from).toBe("capulet.example");
    expect(server.requests()).toHaveLength(1);
  });

  test("that are in use by a request nobody waits for any more are an error too", async () => {
    const { iq } = await online();
    await expect(iq.request(request("capulet.example", { id: "mine" }), { timeout: 0 })).rejects.toThrow(
      "no answer",
    );
    await expect(iq.request(request("capulet.example", { id: "mine" }))).rejects.toThrow("under way");
  });

  test("can be used again once they are answered", async () => {
    const { server, iq } = await online();
    server.script = (stanza) => result(stanza);
    await iq.request(request("capulet.example", { id: "mine" }));
    await expect(iq.request(request("capulet.example", { id: "mine" }))).resolves.toBeDefined();
  });
});

describe("a request that is over leaves no timer behind", () => {
  /** Asks with a timeout of its own, ends that in some way, and tells which of its timers are left. */
  async function timersLeft(end: (party: Party, stanza: Element) => unknown): Promise<unknown[]> {
    const party = await online();
    const set = vi.spyOn(globalThis, "setTimeout");
    const cleared = vi.spyOn(globalThis, "clearTimeout");
    const answer = party.iq.request(request("capulet.example"), { timeout: 12_345 }).catch(() => {});
    await end(party, await firstRequest(party.server));
    await answer;
    const ours = set.mock.results.filter((_result, at) => set.mock.calls[at]?.[1] === 12_345);
    expect(ours).toHaveLength(1);
    const gone = new Set<unknown>(cleared.mock.calls.map(([timer]) => timer));
    return ours.map(({ value }) => value).filter((timer) => !gone.has(timer));
  }

  test.each<[string, (party: Party, stanza: Element) => unknown]>([
    ["by a result", ({ server }, stanza) => server.send(result(stanza))],
    ["by an error", ({ server }, stanza) => server.send(failure(stanza))],
    ["by the loss of the session", (party) => cut(party)],
    ["by the dismissal of the service", ({ xmpp }) => xmpp.dismiss(IqService)],
  ])("%s", async (_how, end) => {
    expect(await timersLeft(end)).toEqual([]);
  });
});

describe("an IqService", () => {
  test("lets xmpp.js' own requests alone", async () => {
    const party = await online();
    party.server.script = (stanza) => result(stanza, xml("time", "urn:xmpp:time"));
    const late = vi.fn();
    party.iq.on("late", late);
    const [theirs, ours] = await Promise.all([
      party.xmpp.iqCaller.get(version(), "capulet.example"),
      party.iq.get(version(), "capulet.example"),
    ]);
    // xmpp.js looks for a child of the name that was asked.
    expect(theirs).toBeUndefined();
    expect(ours?.name).toBe("time");
    expect(late).not.toHaveBeenCalled();
  });

  test("is shared by the services that need it", () => {
    class One extends Service {
      readonly iq = this.summon(IqService);
    }
    class Two extends Service {
      readonly iq = this.summon(IqService);
    }
    const { xmpp, iq } = offline();
    expect(xmpp.summon(One).iq).toBe(iq);
    expect(xmpp.summon(Two).iq).toBe(iq);
  });

  test("that is dismissed rejects what it waits for, and sends nothing more", async () => {
    const { server, xmpp, iq } = await online();
    const answer = iq.get(version(), "capulet.example");
    const rejected = expect(answer).rejects.toMatchObject({ name: "ServiceDismissed" });
    await requests(server);
    xmpp.dismiss(IqService);
    await rejected;
    expect(await isOpen(answer)).toBe(false);
    expect(server.received).toHaveLength(1);
  });
});
