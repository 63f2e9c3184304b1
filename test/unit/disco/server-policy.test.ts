import xml, { type Element } from "@xmpp/xml";
import { describe, expect, test } from "vitest";
import {
  type AnswerPolicy,
  DiscoClient,
  type DiscoRequest,
  DiscoServer,
  EntityCapsService,
  withServices,
} from "../../../src/index.ts";
import { MemoryServer, memoryClient } from "../../support/memory.ts";
import { expectNoStrays, until } from "./support.ts";

expectNoStrays();

const ME = "romeo@montague.example/orchard";
const JULIET = "juliet@capulet.example/balcony";
const INFO = "http://jabber.org/protocol/disco#info";
const ITEMS = "http://jabber.org/protocol/disco#items";

async function online(policy: AnswerPolicy | undefined) {
  const server = new MemoryServer({ jid: ME });
  const xmpp = withServices(memoryClient(server));
  const disco = xmpp.summon(DiscoServer);
  disco.policy = policy;
  const errors: unknown[] = [];
  disco.on("error", (error) => errors.push(error));
  await xmpp.start();
  let asked = 0;
  const ask = async (xmlns: string, node?: string, lang?: string): Promise<Element> => {
    asked += 1;
    const id = `ask-${asked}`;
    const attrs = { type: "get", id, from: JULIET, to: ME, "xml:lang": lang };
    server.send(xml("iq", attrs, xml("query", { xmlns, node })));
    await until(() => server.received.some((stanza) => stanza.attrs["id"] === id));
    return server.received.find((stanza) => stanza.attrs["id"] === id) as Element;
  };
  return { server, xmpp, disco, ask, errors };
}

describe("a policy", () => {
  test("is asked of each question with who asks, what and in which language", async () => {
    const seen: DiscoRequest[] = [];
    const { ask } = await online((request) => {
      seen.push(request);
      return true;
    });
    await ask(INFO);
    await ask(ITEMS, "music", "de");
    expect(seen).toEqual([
      { from: JULIET, to: ME, node: undefined, lang: undefined },
      { from: JULIET, to: ME, node: "music", lang: "de" },
    ]);
  });

  test.each([
    ["says no", () => false],
    ["says no later", async () => false],
    ["says something else than yes", () => "yes" as unknown as boolean],
  ])("that %s has the question answered as if there was nothing", async (_, policy) => {
    const { ask, disco, errors } = await online(policy);
    let handled = 0;
    disco.setNodeHandler("getInfo", (_request, next) => {
      handled += 1;
      return next();
    });
    const nothing = await ask("urn:example:unknown");
    for (const xmlns of [INFO, ITEMS]) {
      const answer = await ask(xmlns);
      expect(answer.attrs["type"]).toBe("error");
      expect(answer.getChild("error")?.toString()).toBe(nothing.getChild("error")?.toString());
    }
    expect(handled).toBe(0);
    expect(errors).toEqual([]);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("no database");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no database"))],
  ])("that %s lets nobody in, and is told of", async (_, policy) => {
    const { ask, errors } = await online(policy);
    const answer = await ask(INFO);
    expect(answer.getChild("error")?.toString()).toContain("service-unavailable");
    expect(errors).toMatchObject([{ message: "no database" }]);
  });

  test("goes for the nodes of capability hashes too", async () => {
    const { xmpp, ask, disco } = await online(() => false);
    xmpp.summon(EntityCapsService, { node: "https://example.org/" });
    const stanza = xml("presence");
    await xmpp.send(stanza);
    const ver = stanza.getChild("c", "http://jabber.org/protocol/caps")?.attrs["ver"] as string;
    expect(ver).toMatch(/=$/);
    const node = `https://example.org/#${ver}`;
    expect((await ask(INFO, node)).attrs["type"]).toBe("error");
    disco.policy = undefined;
    expect((await ask(INFO, node)).attrs["type"]).toBe("result");
  });

  test("does not stand between a program and itself", async () => {
    const { disco } = await online(({ from }) => from === ME);
    expect((await disco.getInfo({ from: JULIET })).identities).toHaveLength(1);
    const client = withServices(disco.client).summon(DiscoClient);
    expect((await client.queryInfo(ME, { local: true })).identities).toHaveLength(1);
  });

  test.each([5, "everybody", {}, null])("that is %j is an error at once", async (policy) => {
    const { disco } = await online(undefined);
    expect(() => {
      disco.policy = policy as unknown as AnswerPolicy;
    }).toThrow("policy is no function");
    expect(disco.policy).toBeUndefined();
  });
});
