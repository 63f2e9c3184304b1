// Compiled, never run: what the public types allow and what they refuse.
import { type Client, client } from "@xmpp/client";
import { type Component, component } from "@xmpp/component";
import { type JID, jid } from "@xmpp/jid";
import type { Element } from "@xmpp/xml";
import { expectTypeOf } from "vitest";
import {
  type Address,
  DataForm,
  DiscoClient,
  type DiscoClientOptions,
  DiscoInfo,
  DiscoItems,
  DiscoNode,
  type DiscoRequest,
  DiscoServer,
  type DiscoStats,
  DiscoTree,
  type Entity,
  type FormField,
  type Identity,
  IqError,
  IqService,
  IqTimeout,
  type Item,
  MalformedResponse,
  mountAsNode,
  NS_DISCO_INFO,
  NS_DISCO_ITEMS,
  type QueryOptions,
  type RegisteredFeature,
  registerFeature,
  Service,
  type Services,
  SessionLost,
  StaticNode,
  withServices,
  XMPPError,
} from "../../src/index.ts";

const xmpp = withServices(client({ service: "xmpp://example.org", username: "romeo", password: "x" }));

// --- withServices

expectTypeOf(xmpp).toEqualTypeOf<Client & Services>();
expectTypeOf(xmpp.start).toEqualTypeOf<Client["start"]>();
expectTypeOf(xmpp.reconnect).toEqualTypeOf<Client["reconnect"]>();
expectTypeOf(withServices(xmpp)).toExtend<Client & Services>();
expectTypeOf(
  withServices(component({ service: "xmpp://127.0.0.1:5347", domain: "a.example", password: "x" })),
).toEqualTypeOf<Component & Services>();

// @ts-expect-error: no client
withServices({});
// @ts-expect-error: nothing at all
withServices();

// --- summon, summoned, dismiss

const disco = xmpp.summon(DiscoClient);
expectTypeOf(disco).toEqualTypeOf<DiscoClient>();
expectTypeOf(xmpp.summon(DiscoServer)).toEqualTypeOf<DiscoServer>();
expectTypeOf(xmpp.summon(IqService, { responseTimeout: 5_000 })).toEqualTypeOf<IqService>();
expectTypeOf(xmpp.summoned(DiscoClient)).toEqualTypeOf<DiscoClient | undefined>();
expectTypeOf(xmpp.summoned(DiscoServer)).toEqualTypeOf<DiscoServer | undefined>();
expectTypeOf(xmpp.dismiss(DiscoClient)).toEqualTypeOf<Promise<void>>();

xmpp.summon(DiscoClient, {});
xmpp.summon(DiscoClient, { infoCacheSize: 5, itemsCacheSize: 5, infoTtl: 1_000, itemsTtl: Infinity });
expectTypeOf<DiscoClientOptions>().toHaveProperty("infoTtl").toEqualTypeOf<number>();
// @ts-expect-error: an option of another type
xmpp.summon(DiscoClient, { infoTtl: "1 hour" });
// @ts-expect-error: an option that there is not
xmpp.summon(DiscoClient, { ttl: 1_000 });
// @ts-expect-error: an option that there is not
xmpp.summon(IqService, { timeout: 1_000 });
// @ts-expect-error: an option where there is none
xmpp.summon(DiscoServer, { node: "https://my.app/" });
// @ts-expect-error: an option where there is none
xmpp.summon(PlainLater, { size: 5 });
// @ts-expect-error: no class of a service
xmpp.summon(Map);
// @ts-expect-error: an instance
xmpp.summon(disco);
// @ts-expect-error: abstract
xmpp.summon(Service);
// @ts-expect-error: no class of a service
xmpp.summoned(Map);
// @ts-expect-error: no class of a service
xmpp.dismiss("DiscoClient");

// --- an application's own service

class Plain extends Service {
  readonly feature = registerFeature(this, "urn:xmpp:receipts");
  readonly node = mountAsNode(this, "https://my.app/rooms", new StaticNode(), {
    listed: true,
    name: "Rooms",
  });
  readonly disco = this.summon(DiscoClient);
}

declare class PlainLater extends Plain {}

const plain = xmpp.summon(Plain);
expectTypeOf(plain).toEqualTypeOf<Plain>();
expectTypeOf(plain.feature).toEqualTypeOf<RegisteredFeature>();
expectTypeOf(plain.feature.feature).toBeString();
expectTypeOf(plain.feature.enabled).toBeBoolean();
expectTypeOf(plain.feature).toExtend<Disposable>();
expectTypeOf(plain.node).toEqualTypeOf<StaticNode>();
expectTypeOf(plain.disco).toEqualTypeOf<DiscoClient>();
expectTypeOf(plain.client).toEqualTypeOf<Entity>();
plain.feature.enabled = false;
// @ts-expect-error: told, not set
plain.feature.feature = "another";
// @ts-expect-error: no service
registerFeature({}, "urn:xmpp:receipts");
// @ts-expect-error: no node
mountAsNode(plain, "https://my.app/rooms", {});

class WithOptions extends Service<{ size: number; name: string }, { grown: [size: number] }> {
  override async shutdown() {
    expectTypeOf(this.options).toEqualTypeOf<Partial<{ size: number; name: string }>>();
  }
}

const own = xmpp.summon(WithOptions, { size: 5 });
expectTypeOf(own).toEqualTypeOf<WithOptions>();
expectTypeOf(xmpp.summon(WithOptions)).toEqualTypeOf<WithOptions>();
expectTypeOf(xmpp.summoned(WithOptions)).toEqualTypeOf<WithOptions | undefined>();
// @ts-expect-error: an option of another type
xmpp.summon(WithOptions, { size: "5" });
// @ts-expect-error: an option that there is not
xmpp.summon(WithOptions, { weight: 5 });

own.on("grown", (size) => expectTypeOf(size).toBeNumber());
own.emit("grown", 5);
own.on("error", (error) => expectTypeOf(error).toBeUnknown());
// @ts-expect-error: an event that there is not
own.on("shrunk", () => {});
// @ts-expect-error: other data
own.emit("grown", "5");
// @ts-expect-error: a listener of other data
own.on("grown", (size: string) => size);

// --- asking

expectTypeOf(disco.queryInfo("example.org")).toEqualTypeOf<Promise<DiscoInfo>>();
expectTypeOf(disco.queryItems(jid("example.org"))).toEqualTypeOf<Promise<DiscoItems>>();
expectTypeOf(disco.supports("example.org", "urn:xmpp:ping")).toEqualTypeOf<Promise<boolean>>();
expectTypeOf(disco.hasIdentity("example.org", { category: "server" })).toEqualTypeOf<Promise<boolean>>();
expectTypeOf(disco.stats).toEqualTypeOf<Readonly<DiscoStats>>();
expectTypeOf<Address>().toEqualTypeOf<string | JID>();

const everything: QueryOptions = {
  node: "n",
  requireFresh: true,
  noCache: true,
  timeout: 5_000,
  signal: AbortSignal.timeout(1_000),
  from: "room@rooms.example",
  local: false,
};
disco.queryInfo("example.org", everything);
disco.queryItems("example.org", everything);
disco.supports("example.org", "urn:xmpp:ping", everything);
disco.hasIdentity("example.org", { category: "server", type: "im", lang: "en" }, everything);
disco.queryInfo("example.org", { node: undefined, timeout: undefined, signal: undefined, from: undefined });
disco.queryInfo("example.org", { node: null, from: jid("room@rooms.example") });
// @ts-expect-error: no JID
disco.queryInfo(5);
// @ts-expect-error: whom?
disco.queryInfo();
// @ts-expect-error: an option of another type
disco.queryInfo("example.org", { timeout: "5 s" });
// @ts-expect-error: an option of another type
disco.queryInfo("example.org", { signal: new AbortController() });
// @ts-expect-error: an option that there is not
disco.queryInfo("example.org", { fresh: true });
// @ts-expect-error: an identity has a category
disco.hasIdentity("example.org", { type: "im" });

disco.setInfoCache("example.org", undefined, new DiscoInfo({}));
disco.setInfoFuture("example.org", "n", Promise.resolve(new DiscoInfo({})));
disco.setInfoFuture("example.org", "n", async () => new DiscoInfo({}));
// @ts-expect-error: no information
disco.setInfoCache("example.org", undefined, {});
// @ts-expect-error: a promise of something else
disco.setInfoFuture("example.org", undefined, Promise.resolve(new DiscoItems({})));
// @ts-expect-error: the statistics are read
disco.stats.hits = 0;
disco.infoTtl = 1_000;

disco.on("info", (from, node, info) => {
  expectTypeOf(from).toBeString();
  expectTypeOf(node).toEqualTypeOf<string | undefined>();
  expectTypeOf(info).toEqualTypeOf<DiscoInfo>();
});
disco.once("items", async (_from, _node, items) => {
  expectTypeOf(items).toEqualTypeOf<DiscoItems>();
});
// @ts-expect-error: an event that there is not
disco.on("answer", () => {});
// @ts-expect-error: a listener of other data
disco.on("info", (info: DiscoInfo) => info);

// --- what it returns

declare const info: DiscoInfo;
expectTypeOf(info.jid).toEqualTypeOf<string | undefined>();
expectTypeOf(info.node).toEqualTypeOf<string | undefined>();
expectTypeOf(info.identities).toEqualTypeOf<readonly Identity[]>();
expectTypeOf(info.features).toEqualTypeOf<readonly string[]>();
expectTypeOf(info.forms).toEqualTypeOf<readonly DataForm[]>();
expectTypeOf(info.element).toEqualTypeOf<Element | undefined>();
expectTypeOf(info.has("urn:xmpp:ping")).toBeBoolean();
expectTypeOf(info.name("de")).toEqualTypeOf<string | undefined>();
expectTypeOf(info.form("urn:xmpp:dataforms:softwareinfo")?.get("os")).toEqualTypeOf<
  readonly string[] | undefined
>();
expectTypeOf(info.toElement()).toEqualTypeOf<Element>();
expectTypeOf(DiscoInfo.fromElement(info.toElement())).toEqualTypeOf<DiscoInfo>();
expectTypeOf(DiscoInfo.fromJSON(JSON.parse("{}"))).toEqualTypeOf<DiscoInfo>();
expectTypeOf(info.toJSON().features).toEqualTypeOf<string[]>();
// @ts-expect-error: immutable
info.jid = "example.org";
// @ts-expect-error: immutable
info.features.push("urn:xmpp:ping");
// @ts-expect-error: immutable
info.features = [];
// @ts-expect-error: immutable
info.identities[0] = { category: "client", type: "bot" };
for (const identity of info.identities) {
  expectTypeOf(identity.category).toBeString();
  expectTypeOf(identity.lang).toEqualTypeOf<string | undefined>();
  // @ts-expect-error: immutable
  identity.name = "another";
}

declare const items: DiscoItems;
expectTypeOf(items.items).toEqualTypeOf<readonly Item[]>();
expectTypeOf(DiscoItems.fromElement(items.toElement())).toEqualTypeOf<DiscoItems>();
expectTypeOf(DiscoItems.fromJSON(items.toJSON())).toEqualTypeOf<DiscoItems>();
// @ts-expect-error: immutable
items.items.pop();
for (const item of items.items) {
  expectTypeOf(item.jid).toBeString();
  // @ts-expect-error: immutable
  item.jid = "example.org";
}

const form = new DataForm({ formType: "urn:example:form", fields: { one: "1", many: ["1", "2"] } });
expectTypeOf(form.formType).toEqualTypeOf<string | undefined>();
expectTypeOf(form.fields).toEqualTypeOf<readonly FormField[]>();
expectTypeOf(form.get("many")).toEqualTypeOf<readonly string[]>();
expectTypeOf(form.value("one")).toEqualTypeOf<string | undefined>();
expectTypeOf(DataForm.fromElement(form.toElement())).toEqualTypeOf<DataForm>();
new DataForm({ fields: [{ var: "a", type: "text-single", label: "A", values: ["1"] }] });
// @ts-expect-error: a value is text
new DataForm({ fields: { port: 5222 } });
// @ts-expect-error: immutable
form.fields.push({ var: "a", values: [] });
// @ts-expect-error: immutable
form.formType = "urn:example:other";
new DiscoInfo({ identities: [{ category: "client", type: "bot" }], features: ["a"], forms: [form] });
// @ts-expect-error: an identity has a type
new DiscoInfo({ identities: [{ category: "client" }] });
new DiscoItems({ items: [{ jid: jid("example.org"), node: "n", name: "N" }] });
// @ts-expect-error: an item has a JID
new DiscoItems({ items: [{ node: "n" }] });

// --- answering

const server = xmpp.summon(DiscoServer);
expectTypeOf(server).toExtend<DiscoNode>();
expectTypeOf(server.entity("room@rooms.example")).toEqualTypeOf<DiscoTree>();
expectTypeOf(server.getInfo({ jid: "a.example", node: "n", from: jid("b.example") })).toEqualTypeOf<
  Promise<DiscoInfo>
>();
expectTypeOf(server.getItems()).toEqualTypeOf<Promise<DiscoItems>>();
expectTypeOf(server.unmountNode("n")).toEqualTypeOf<DiscoNode>();
server.mountNode("n", new StaticNode());
server.mountNode("n", new DiscoNode(), { listed: true, name: "N" });
server.registerFeature("urn:xmpp:ping");
server.registerIdentity("client", "web");
server.registerIdentity("client", "web", "My app");
server.registerIdentity("client", "web", { en: "My app", de: "Meine App" });
server.setIdentityNames("client", "web", { en: "My app" });
server.registerForm(form);
server.on("infoChanged", () => {});
server.on("itemsChanged", async () => {});
server.on("error", (error) => expectTypeOf(error).toBeUnknown());
expectTypeOf(server.batch(() => 5)).toEqualTypeOf<number>();
expectTypeOf(server.batch(async () => "later")).toEqualTypeOf<Promise<string>>();
// @ts-expect-error: a node that is none
server.mountNode("n", {});
// @ts-expect-error: names are texts
server.registerIdentity("client", "web", { en: 5 });
// @ts-expect-error: a form, not what makes one
server.registerForm({ formType: "urn:example:form" });
// @ts-expect-error: an event that there is not
server.on("featuresChanged", () => {});

const node = new StaticNode();
expectTypeOf(node.items).toEqualTypeOf<readonly Item[]>();
node.addItem({ jid: "a.example", node: "n", name: "A" });
node.addItem({ jid: jid("a.example") });
node.removeItem({ jid: "a.example" });
node.setItems(new Set([{ jid: "a.example" }]));
expectTypeOf(StaticNode.clone(new DiscoNode())).toEqualTypeOf<StaticNode>();
expectTypeOf(StaticNode.clone(server)).toEqualTypeOf<StaticNode>();
// @ts-expect-error: an item has a JID
node.addItem({ name: "A" });

export class WithGenerators extends DiscoNode {
  override *iterFeatures(request?: DiscoRequest) {
    expectTypeOf(request?.from).toEqualTypeOf<string | undefined>();
    expectTypeOf(request?.lang).toEqualTypeOf<string | undefined>();
    yield* this.ownFeatures();
    yield "a";
  }
  override *iterIdentities() {
    yield { category: "client", type: "bot" };
  }
  override *iterForms() {
    yield form;
  }
  override *iterItems() {
    yield { jid: "a.example" };
  }
}

export class WithLists extends DiscoNode {
  override iterFeatures() {
    return ["a"];
  }
  override iterIdentities() {
    return [{ category: "client", type: "bot", lang: "en", name: "A bot" }];
  }
  override iterForms() {
    return [form];
  }
  override iterItems() {
    return new Set<Item>();
  }
}

export class WithAsyncGenerators extends DiscoTree {
  override async *iterFeatures() {
    yield "a";
  }
  override async *iterIdentities() {
    yield { category: "client", type: "bot" };
  }
  override async *iterForms() {
    yield form;
  }
  override async *iterItems() {
    yield { jid: "a.example" };
  }
}

export class WithPromises extends DiscoServer {
  override async iterFeatures() {
    return ["a"];
  }
  override async iterIdentities() {
    return [{ category: "client", type: "bot" }];
  }
  override async iterForms() {
    return [form];
  }
  override async iterItems() {
    return [{ jid: "a.example" }];
  }
}

export class StaticButForItsItems extends StaticNode {
  override async *iterItems() {
    yield* this.items;
    yield { jid: "a.example" };
  }
}

export class NoLists extends DiscoNode {
  // @ts-expect-error: no list
  override iterFeatures() {
    return 5;
  }
  // @ts-expect-error: no list of identities
  override iterIdentities() {
    return ["client/bot"];
  }
}

expectTypeOf(xmpp.summon(WithPromises)).toEqualTypeOf<WithPromises>();

// --- requests and their failures

const iq = xmpp.summon(IqService);
expectTypeOf(iq.get(info.toElement(), "example.org", { timeout: 5_000 })).toEqualTypeOf<
  Promise<Element | undefined>
>();
iq.get(info.toElement(), jid("example.org"), { from: jid("room@rooms.example") });
iq.set(info.toElement(), jid("example.org"));
iq.get(info.toElement());
expectTypeOf(iq.responseTimeout).toBeNumber();
iq.on("late", (stanza) => expectTypeOf(stanza).toEqualTypeOf<Element>());
expectTypeOf<IqError>().toExtend<XMPPError>();
expectTypeOf<IqTimeout>().toExtend<XMPPError>();
expectTypeOf<SessionLost>().toExtend<XMPPError>();
expectTypeOf<MalformedResponse>().toExtend<XMPPError>();
expectTypeOf<XMPPError>().toExtend<Error>();

export function explain(error: unknown): string {
  if (error instanceof IqError) return `${error.condition} ${error.type} ${error.text ?? ""}`;
  if (error instanceof IqTimeout) return `${error.timeout}`;
  if (error instanceof SessionLost || error instanceof MalformedResponse) return error.message;
  if (error instanceof XMPPError) return error.name;
  throw error;
}

expectTypeOf(NS_DISCO_INFO).toExtend<string>();
expectTypeOf(NS_DISCO_ITEMS).toExtend<string>();
