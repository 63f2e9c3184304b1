import { type Component, xml } from "@xmpp/component";
import type { Element } from "@xmpp/xml";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  DiscoClient,
  DiscoServer,
  IqService,
  NS_DISCO_INFO,
  registerFeature,
  Service,
  type Services,
  SessionLost,
  withServices,
} from "../../../src/index.ts";
import { ComponentServer, memoryComponent } from "./memory-component.ts";
import { changedProperties, traces } from "./support.ts";

class Receipts extends Service {
  readonly feature = registerFeature(this, "urn:xmpp:receipts");
}

/** A component that is on line, and its server. */
async function online(): Promise<{ server: ComponentServer; comp: Component & Services }> {
  const server = new ComponentServer();
  const comp = withServices(memoryComponent(server));
  onTestFinished(async () => void (await comp.stop()));
  await comp.start();
  return { server, comp };
}

/** What the component answers to disco#info. */
async function ask(server: ComponentServer, to = "comp.example"): Promise<Element | undefined> {
  const id = `ask-${server.received.length}`;
  server.send(
    `<iq type="get" id="${id}" from="romeo@montague.example/orchard" to="${to}"><query xmlns="${NS_DISCO_INFO}"/></iq>`,
  );
  return vi.waitFor(() => {
    const reply = server.received.find((stanza) => stanza.attrs.id === id);
    expect(reply).toBeDefined();
    return reply;
  });
}

function features(reply: Element | undefined): string[] {
  return (
    reply
      ?.getChild("query", NS_DISCO_INFO)
      ?.getChildren("feature")
      .map(({ attrs }) => attrs.var) ?? []
  );
}

test("withServices returns the very component it was given", () => {
  const comp = memoryComponent(new ComponentServer());
  expect(withServices(comp)).toBe(comp);
  expect(withServices(comp).summon(Receipts).client).toBe(comp);
});

test("a component asks, as itself", async () => {
  const { server, comp } = await online();
  server.script = ({ attrs }) =>
    xml(
      "iq",
      { type: "result", id: attrs.id, from: attrs.to, to: attrs.from },
      xml("query", NS_DISCO_INFO, xml("identity", { category: "server", type: "im" })),
    );
  const info = await comp.summon(DiscoClient).queryInfo("montague.example");
  expect(info.hasIdentity("server", "im")).toBe(true);
  expect(server.received.map(({ attrs }) => [attrs.from, attrs.to])).toEqual([
    ["comp.example", "montague.example"],
  ]);
});

test("a component asks as another of its JIDs", async () => {
  const { server, comp } = await online();
  server.script = ({ attrs }) => xml("iq", { type: "result", id: attrs.id, from: attrs.to, to: attrs.from });
  await comp
    .summon(IqService)
    .get(xml("query", "jabber:iq:version"), "montague.example", { from: "bot@comp.example" });
  expect(server.received[0]?.attrs.from).toBe("bot@comp.example");
});

test("a component does not take its own server's word for a remote entity's", async () => {
  const { server, comp } = await online();
  const iq = comp.summon(IqService);
  const answer = iq.get(xml("query", "jabber:iq:version"), "montague.example");
  const [request] = await vi.waitFor(() => {
    expect(server.received).toHaveLength(1);
    return server.received;
  });
  const id: string = request?.attrs.id;
  server.send(`<iq type="result" id="${id}" to="comp.example"><forged xmlns="urn:example"/></iq>`);
  server.send(
    `<iq type="result" id="${id}" from="comp.example" to="comp.example"><forged xmlns="urn:example"/></iq>`,
  );
  server.send(
    `<iq type="result" id="${id}" from="montague.example" to="comp.example"><real xmlns="urn:example"/></iq>`,
  );
  expect((await answer)?.name).toBe("real");
});

test("a component answers, and tells what its services registered", async () => {
  const { server, comp } = await online();
  comp.summon(Receipts);
  const reply = await ask(server);
  expect(reply?.attrs.type).toBe("result");
  expect(features(reply)).toEqual([NS_DISCO_INFO, "urn:xmpp:receipts"]);
});

test("a component that loses its connection rejects what it waits for", async () => {
  const { server, comp } = await online();
  const answer = comp.summon(IqService).get(xml("query", "jabber:iq:version"), "montague.example");
  const lost = expect(answer).rejects.toBeInstanceOf(SessionLost);
  await vi.waitFor(() => expect(server.received).toHaveLength(1));
  server.cut();
  await lost;
});

test("a component that never was connected rejects with SessionLost", async () => {
  const comp = withServices(memoryComponent(new ComponentServer()));
  await expect(comp.summon(DiscoClient).queryInfo("montague.example")).rejects.toBeInstanceOf(SessionLost);
});

test("a component is as before when its services are dismissed", async () => {
  const { comp } = await online();
  const before = traces(comp);
  comp.summon(Receipts);
  comp.summon(DiscoClient);
  await Promise.all([comp.dismiss(Receipts), comp.dismiss(DiscoClient)]);
  const after = traces(comp);
  expect(after.listeners).toEqual(before.listeners);
  expect(changedProperties(before.properties, after.properties)).toEqual([]);
});

test("a component says that it answers no more when its DiscoServer is dismissed", async () => {
  const { server, comp } = await online();
  comp.summon(DiscoServer);
  await comp.dismiss(DiscoServer);
  const reply = await ask(server);
  expect(reply?.getChild("error")?.getChildElements()[0]?.name).toBe("service-unavailable");
});

test("a component answers again when its DiscoServer is summoned anew", async () => {
  const { server, comp } = await online();
  comp.summon(DiscoServer).registerFeature("urn:example:old");
  await comp.dismiss(DiscoServer);
  comp.summon(DiscoServer).registerFeature("urn:example:new");
  expect(features(await ask(server))).toEqual([NS_DISCO_INFO, "urn:example:new"]);
});
