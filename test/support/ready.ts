import { randomUUID } from "node:crypto";
import { type Client, client, xml } from "@xmpp/client";
import { type Component, component } from "@xmpp/component";
import { installWebSocket } from "./websocket.ts";

/** What clients and components are connected with. */
interface ReadyOptions<E> {
  /** Where to connect to, such as `prosody.service` or `prosody.webSocket`. */
  readonly service: string;
  /** "secret" unless given. */
  readonly password?: string;
  /** Whether to connect again when the connection is lost; true unless given. */
  readonly reconnect?: boolean;
  /** How long to wait before that, in milliseconds. */
  readonly reconnectDelay?: number;
  /** Called before the start, for what has to be there from the first stanza on. */
  readonly prepare?: (xmpp: E) => void;
}

/** What a client is connected with. */
export interface ConnectOptions extends ReadyOptions<Client> {
  /** "localhost" unless given. */
  readonly domain?: string;
  /** The account; anonymous when there is none. */
  readonly username?: string;
  readonly resource?: string;
}

/** What a component is connected with. */
export interface ConnectComponentOptions extends ReadyOptions<Component> {
  /** The component's JID. */
  readonly domain: string;
}

/** A client or component that has logged in. */
export interface Ready<E> extends AsyncDisposable {
  readonly xmpp: E;
  /** Its full JID after the login. */
  readonly jid: string;
  /** What its event "error" was emitted with, the latest hundred: one of the stream keeps its parser alive. */
  readonly errors: readonly Error[];
  /** Ends the connection, and does not connect again. */
  stop(): Promise<void>;
}

/**
 * Logs in with an unmodified client of xmpp.js.
 *
 * @example
 * await using romeo = await connect({ service: prosody.service, username: "romeo" });
 * await romeo.xmpp.send(xml("presence"));
 */
export async function connect(options: ConnectOptions): Promise<Ready<Client>> {
  const { service, domain = "localhost", username, password = "secret", resource } = options;
  if (/^wss?:/.test(service)) installWebSocket();
  const xmpp = client({
    service,
    domain,
    resource,
    ...(username === undefined ? {} : { credentials: plainCredentials(username, password) }),
  });
  return ready(xmpp, options);
}

/** Logs in with an unmodified component of xmpp.js. */
export async function connectComponent(options: ConnectComponentOptions): Promise<Ready<Component>> {
  const { service, domain, password = "secret" } = options;
  return ready(component({ service, domain, password }), options);
}

async function ready<E extends Client | Component>(xmpp: E, options: ReadyOptions<E>): Promise<Ready<E>> {
  const errors: Error[] = [];
  xmpp.on("error", (error: Error) => {
    if (errors.push(error) > 100) errors.shift();
  });
  if (options.reconnect === false) xmpp.reconnect.stop();
  if (options.reconnectDelay !== undefined) xmpp.reconnect.delay = options.reconnectDelay;
  const stop = async () => {
    // A timer for the next attempt would outlive the client.
    if (options.reconnect !== false) xmpp.reconnect.stop();
    await xmpp.stop();
  };
  // Two seconds, its default, are short for a machine that is busy with other tests.
  xmpp.timeout = 10_000;
  options.prepare?.(xmpp);
  try {
    const jid = (await xmpp.start()).toString();
    return { xmpp, jid, errors, stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** xmpp.js takes PLAIN only where it deems a connection secure, and the PBKDF2 of SCRAM takes its time. */
function plainCredentials(username: string, password: string): Credentials {
  return (authenticate) => {
    return authenticate({ username, password }, "PLAIN", xml("user-agent", { id: randomUUID() }));
  };
}

type Credentials = Extract<NonNullable<Parameters<typeof client>[0]>["credentials"], CallableFunction>;
