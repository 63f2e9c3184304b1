import { EventEmitter, once } from "node:events";
import type { Client } from "@xmpp/client";
import xml, { type Element, Parser } from "@xmpp/xml";
import { expect, onTestFinished, vi } from "vitest";
import { IqService, type Services, withServices } from "../../../src/index.ts";
import { MemoryServer, type MemoryServerOptions, memoryClient } from "../../support/memory.ts";

export const NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

/** A client with an {@link IqService}, and its server. */
export interface Party {
  readonly server: MemoryServer;
  readonly xmpp: Client & Services;
  readonly iq: IqService;
}

/** A client that has not been started; it connects again only when a test says so. */
export function offline(options: MemoryServerOptions = {}): Party {
  const server = new MemoryServer(options);
  const xmpp = withServices(memoryClient(server));
  xmpp.reconnect.stop();
  return { server, xmpp, iq: xmpp.summon(IqService) };
}

/** A client that is on line until the test is over; with stream management, once the stream can be resumed. */
export async function online(options: MemoryServerOptions = {}): Promise<Party> {
  const party = offline(options);
  await start(party);
  if (options.streamManagement) await streamManagementReady(party);
  return party;
}

/** Goes on line until the test is over. */
export async function start({ xmpp }: Pick<Party, "xmpp">): Promise<void> {
  onTestFinished(async () => {
    if (xmpp.status !== "offline") await xmpp.stop();
  });
  await xmpp.start();
}

/** Resolves when the stream can be resumed, which the server says after the session has begun. */
export async function streamManagementReady({ xmpp }: Pick<Party, "xmpp">): Promise<void> {
  await vi.waitFor(() => expect(xmpp.streamManagement.enabled).toBe(true), { interval: 1 });
}

/** The connection is cut, and the client knows it. */
export async function cut({ server, xmpp }: Party): Promise<void> {
  const disconnected = once(xmpp, "disconnect");
  server.cut();
  await disconnected;
}

/** Connects again, and waits until the client is on line by resumption or with a new session. */
export async function reconnect({ xmpp }: Party): Promise<void> {
  const done = new Promise<void>((resolve) => {
    streamManagement(xmpp).once("resumed", resolve);
    xmpp.once("online", () => resolve());
  });
  await xmpp.reconnect.reconnect();
  await done;
}

/** Its types leave out that it emits events. */
export function streamManagement(xmpp: Client): EventEmitter {
  const { streamManagement } = xmpp;
  if (!(streamManagement instanceof EventEmitter)) throw new TypeError("no emitter");
  return streamManagement;
}

/** A request's payload. */
export function version(): Element {
  return xml("query", "jabber:iq:version");
}

/** A whole request. */
export function request(to?: string, attrs: Record<string, unknown> = {}): Element {
  return xml("iq", { type: "get", to, ...attrs }, version());
}

/** Waits until the server has got this many requests, and gives them. */
export function requests(server: MemoryServer, count = 1): Promise<Element[]> {
  return vi.waitFor(
    () => {
      const all = server.requests();
      expect(all.length).toBeGreaterThanOrEqual(count);
      return all;
    },
    { interval: 1 },
  );
}

/** Waits for the first request that the server gets. */
export async function firstRequest(server: MemoryServer): Promise<Element> {
  const [first] = await requests(server);
  if (first === undefined) throw new Error("no request");
  return first;
}

/** The result that answers a request, from whom it was sent to. */
export function result(to: Element, payload?: Element, attrs: Record<string, unknown> = {}): Element {
  return xml(
    "iq",
    { type: "result", id: to.attrs.id, from: to.attrs.to, ...attrs },
    ...(payload === undefined ? [] : [payload]),
  );
}

/** The error stanza that answers a request, with an `<error/>` or without. */
export function failure(to: Element, error?: Element): Element {
  return xml(
    "iq",
    { type: "error", id: to.attrs.id, from: to.attrs.to },
    ...(error === undefined ? [] : [error]),
  );
}

/** Sends a stanza to the client, and waits until the client has read it. */
export async function deliver({ server, xmpp }: Party, stanza: Element | string): Promise<void> {
  const read = once(xmpp, "element");
  server.send(stanza);
  await read;
}

let asked = 0;

/** Asks the client as a peer does, and waits for its answer. */
export async function ask(
  { server }: Party,
  payload: Element | string,
  { type = "get", from = "juliet@capulet.example/balcony" } = {},
): Promise<Element> {
  asked += 1;
  const id = `peer-${asked}`;
  server.send(`<iq type="${type}" id="${id}" from="${from}" to="${server.jid}">${payload}</iq>`);
  return vi.waitFor(
    () => {
      const [reply] = server.received.filter(({ attrs }) => attrs.id === id);
      if (reply === undefined) throw new Error("no answer");
      return reply;
    },
    { interval: 1 },
  );
}

/** The defined condition of an error stanza. */
export function conditionOf(reply: Element): string | undefined {
  return reply.getChild("error")?.getChildElements()[0]?.name;
}

/** A stanza as it comes from a stream. */
export function parse(text: string): Element {
  let stanza: Element | undefined;
  const parser = new Parser();
  parser.on("element", (element: Element) => {
    stanza = element;
  });
  parser.write(
    `<stream:stream xmlns="jabber:client" xmlns:stream="http://etherx.jabber.org/streams">${text}`,
  );
  if (stanza === undefined) throw new Error(`no stanza: ${text}`);
  return stanza;
}
