import { component } from "@xmpp/component";
import xml, { type Element } from "@xmpp/xml";
import { describe, expect, test } from "vitest";
import { DiscoServer, PresenceReach, reachedByPresence, withServices } from "../../../src/index.ts";
import { MemoryServer, memoryClient } from "../../support/memory.ts";
import { expectNoStrays, quiet, until } from "../disco/support.ts";

expectNoStrays();

const ME = "romeo@montague.example/orchard";
const ACCOUNT = "romeo@montague.example";
const JULIET = "juliet@capulet.example/balcony";
const NURSE = "nurse@capulet.example/kitchen";
const TYBALT = "tybalt@capulet.example/street";
const ROOM = "hall@rooms.example";
const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";

/** Who is in the roster of most tests: Juliet and Benvolio see Romeo's presence, the nurse does not. */
const ROSTER = [
  ["juliet@capulet.example", "both"],
  ["benvolio@montague.example", "from"],
  ["nurse@capulet.example", "to"],
  ["paris@capulet.example", "none"],
] as const;

/** A client with the policy, on line; the roster is answered as the server likes. */
async function online(answerRoster: (request: Element) => Element | undefined = withRoster) {
  const server = new MemoryServer({ jid: ME });
  const xmpp = memoryClient(server);
  const disco = withServices(xmpp).summon(DiscoServer);
  const policy = reachedByPresence(xmpp);
  disco.policy = policy;
  const errors: unknown[] = [];
  disco.on("error", (error) => errors.push(error));
  server.script = (stanza) =>
    stanza.getChild("query", "jabber:iq:roster") === undefined ? undefined : answerRoster(stanza);
  await xmpp.start();
  const asked = { count: 0 };
  const ask = async (from: string | undefined, xmlns = INFO, node?: string): Promise<Element> => {
    asked.count += 1;
    const id = `ask-${asked.count}`;
    const before = server.received.length;
    server.send(xml("iq", { type: "get", id, from, to: ME }, xml("query", { xmlns, node })));
    await until(() => server.received.slice(before).some((stanza) => stanza.attrs["id"] === id));
    return server.received.find((stanza) => stanza.attrs["id"] === id) as Element;
  };
  const isTold = async (from: string | undefined) => (await ask(from)).attrs["type"] === "result";
  const rosters = () =>
    server.received.filter((stanza) => stanza.getChild("query", "jabber:iq:roster")).length;
  return { server, xmpp, disco, policy, ask, isTold, rosters, errors };
}

function withRoster(request: Element): Element {
  const items = ROSTER.map(([jid, subscription]) => xml("item", { jid, subscription }));
  return xml(
    "iq",
    { type: "result", id: request.attrs["id"], to: ME },
    xml("query", { xmlns: "jabber:iq:roster" }, ...items),
  );
}

function push(from: string | undefined, jid: string, subscription: string): Element {
  const query = xml("query", { xmlns: "jabber:iq:roster" }, xml("item", { jid, subscription }));
  return xml("iq", { type: "set", id: `push-${jid}-${subscription}`, from, to: ME }, query);
}

const available = () => xml("presence");
const unavailable = (to?: string) => xml("presence", { type: "unavailable", to });
const joining = (to: string) =>
  xml("presence", { to }, xml("x", { xmlns: "http://jabber.org/protocol/muc" }));

describe("whom the presence reaches", () => {
  test.each([
    ["one's own account", ACCOUNT],
    ["another of one's own resources", `${ACCOUNT}/phone`],
    ["one's own server", "montague.example"],
    ["nobody in particular, which is one's own account", undefined],
  ])("is %s, also before there is any", async (_, from) => {
    const { isTold } = await online();
    expect(await isTold(from)).toBe(true);
  });

  test("is nobody else before it was sent, and the roster is not asked for", async () => {
    const { isTold, rosters } = await online();
    expect(await isTold(JULIET)).toBe(false);
    expect(rosters()).toBe(0);
  });

  test.each([
    ["is a contact with a subscription both ways", JULIET, true],
    ["is that contact by every resource", "juliet@capulet.example/x", true],
    ["is that contact's account", "juliet@capulet.example", true],
    ["is that contact in capitals", "JULIET@Capulet.Example/x", true],
    ["is a contact that sees it", "benvolio@montague.example/square", true],
    ["is no contact that one only sees", NURSE, false],
    ["is no contact without a subscription", "paris@capulet.example/tomb", false],
    ["is no stranger", TYBALT, false],
    ["is no contact's server", "capulet.example", false],
    ["is nobody of one's own server", "mercutio@montague.example/x", false],
    ["is no name that ends like a contact's", "evil-juliet@capulet.example", false],
  ])("%s", async (_, from, expected) => {
    const { xmpp, isTold } = await online();
    await xmpp.send(available());
    expect(await isTold(from)).toBe(expected);
  });

  test("is known from one question for the roster, however many ask", async () => {
    const { xmpp, isTold, rosters } = await online();
    await xmpp.send(available());
    expect(await Promise.all([JULIET, TYBALT, NURSE, JULIET].map(isTold))).toEqual([
      true,
      false,
      false,
      true,
    ]);
    expect(rosters()).toBe(1);
  });

  test("changes with the roster", async () => {
    const { server, xmpp, isTold } = await online();
    await xmpp.send(available());
    expect(await isTold(TYBALT)).toBe(false);
    server.send(push(undefined, "tybalt@capulet.example", "from"));
    server.send(push(ACCOUNT, "juliet@capulet.example", "remove"));
    expect(await isTold(TYBALT)).toBe(true);
    expect(await isTold(JULIET)).toBe(false);
  });

  test("does not change with what a stranger calls the roster", async () => {
    const { server, xmpp, isTold } = await online();
    await xmpp.send(available());
    expect(await isTold(TYBALT)).toBe(false);
    server.send(push(TYBALT, "tybalt@capulet.example", "both"));
    server.send(push(`${ACCOUNT}/phone`, "tybalt@capulet.example", "both"));
    expect(await isTold(TYBALT)).toBe(false);
  });

  test("ends with unavailable presence, and begins again with available", async () => {
    const { xmpp, isTold } = await online();
    await xmpp.send(available());
    expect(await isTold(JULIET)).toBe(true);
    await xmpp.send(unavailable());
    expect(await isTold(JULIET)).toBe(false);
    await xmpp.send(available());
    expect(await isTold(JULIET)).toBe(true);
  });

  test("is whom it was directed to, until it is taken back", async () => {
    const { xmpp, isTold } = await online();
    await xmpp.send(xml("presence", { to: TYBALT }));
    expect(await isTold(TYBALT)).toBe(true);
    expect(await isTold("tybalt@capulet.example/elsewhere")).toBe(false);
    await xmpp.send(unavailable(TYBALT));
    expect(await isTold(TYBALT)).toBe(false);
    await xmpp.send(xml("presence", { to: "tybalt@capulet.example" }));
    expect(await isTold(TYBALT)).toBe(true);
    await xmpp.send(unavailable());
    expect(await isTold(TYBALT)).toBe(false);
  });

  test("is no contact whom one has told that one is gone, until presence is sent to all again", async () => {
    const { xmpp, isTold } = await online();
    await xmpp.send(available());
    await xmpp.send(unavailable("juliet@capulet.example"));
    expect(await isTold(JULIET)).toBe(false);
    await xmpp.send(available());
    expect(await isTold(JULIET)).toBe(true);
  });

  test("is all the occupants of a room that was joined, until it is left", async () => {
    const { xmpp, isTold } = await online();
    await xmpp.send(joining(`${ROOM}/Romeo`));
    await xmpp.send(xml("presence", { to: `${ROOM}/Romeo` }, xml("show", {}, "away")));
    expect(await isTold(`${ROOM}/Tybalt`)).toBe(true);
    expect(await isTold(ROOM)).toBe(true);
    expect(await isTold("elsewhere@rooms.example/Tybalt")).toBe(false);
    await xmpp.send(unavailable(`${ROOM}/Romeo`));
    expect(await isTold(`${ROOM}/Tybalt`)).toBe(false);
  });

  test.each(["unavailable", "error"])("is nobody of a room that says %s", async (type) => {
    const { server, xmpp, isTold } = await online();
    await xmpp.send(joining(`${ROOM}/Romeo`));
    server.send(xml("presence", { type, from: `${ROOM}/Tybalt`, to: ME }));
    expect(await isTold(`${ROOM}/Tybalt`)).toBe(true);
    server.send(xml("presence", { type, from: `${ROOM}/Romeo`, to: ME }));
    expect(await isTold(`${ROOM}/Tybalt`)).toBe(false);
  });

  test("is nobody where subscription requests and probes are all that was sent", async () => {
    const { xmpp, isTold } = await online();
    for (const type of ["subscribe", "subscribed", "probe"]) {
      await xmpp.send(xml("presence", { to: "tybalt@capulet.example", type }));
    }
    expect(await isTold(TYBALT)).toBe(false);
  });

  test("is asked for anew in a new session", async () => {
    const { server, xmpp, isTold, rosters } = await online();
    await xmpp.send(available());
    expect(await isTold(JULIET)).toBe(true);
    xmpp.reconnect.delay = 1;
    server.cut();
    await until(() => xmpp.status !== "online");
    await until(() => xmpp.status === "online");
    expect(await isTold(JULIET)).toBe(false);
    await xmpp.send(available());
    expect(await isTold(JULIET)).toBe(true);
    expect(rosters()).toBe(2);
  });

  test("is nobody where the roster cannot be had: the next who asks is the next try", async () => {
    let isBroken = true;
    const { xmpp, isTold, rosters, errors } = await online((request) =>
      isBroken
        ? xml(
            "iq",
            { type: "error", id: request.attrs["id"], to: ME },
            xml(
              "error",
              { type: "wait" },
              xml("internal-server-error", "urn:ietf:params:xml:ns:xmpp-stanzas"),
            ),
          )
        : withRoster(request),
    );
    await xmpp.send(available());
    expect(await isTold(JULIET)).toBe(false);
    expect(errors).toMatchObject([{ condition: "internal-server-error" }]);
    isBroken = false;
    expect(await isTold(JULIET)).toBe(true);
    expect(rosters()).toBe(2);
  });
});

describe("a stranger", () => {
  test("is told the same of what is there and what is not", async () => {
    const { xmpp, disco, ask } = await online();
    await xmpp.send(available());
    disco.registerFeature("urn:example:secret");
    await disco.addItem({ jid: ME, node: "secret" });
    const bare = async (xmlns: string, node?: string) => {
      const answer = await ask(TYBALT, xmlns, node);
      const error = answer.getChild("error");
      return [answer.attrs["type"], error?.toString()];
    };
    const nothing = await bare("urn:example:unknown");
    expect(nothing[0]).toBe("error");
    expect(nothing[1]).toContain("service-unavailable");
    expect(await bare(INFO)).toEqual(nothing);
    expect(await bare(ITEMS)).toEqual(nothing);
    expect(await bare(INFO, "secret")).toEqual(nothing);
    expect(await bare(ITEMS, "no such node")).toEqual(nothing);
    const set = await ask(TYBALT, ITEMS);
    expect(set.toString()).not.toContain("secret");
  });

  test("is also a sender that is no JID, and does not pass for one's own account", async () => {
    const { ask } = await online();
    const answer = await ask(`${"x".repeat(1_024)}@capulet.example`);
    expect(answer.getChild("error")?.toString()).toContain("service-unavailable");
  });
});

describe("the policy", () => {
  test("ends when its service is dismissed, and lets nobody in", async () => {
    const { xmpp, isTold, policy } = await online();
    await xmpp.send(available());
    expect(await isTold(JULIET)).toBe(true);
    await withServices(xmpp).dismiss(PresenceReach);
    expect(await policy({ from: JULIET })).toBe(false);
    expect(await isTold(JULIET)).toBe(false);
    await quiet();
  });

  test("is for clients: a component has no roster", () => {
    const xmpp = component({ service: "xmpp://localhost:1", domain: "c.example", password: "x" });
    expect(() => reachedByPresence(xmpp)).toThrow("a component has no roster");
  });
});
