import { client, jid as parseJid, xml } from "@xmpp/client";
import { Element } from "@xmpp/xml";
import {
  DiscoClient,
  DiscoServer,
  EntityCapsCache,
  EntityCapsService,
  IqService,
  withServices,
} from "xmpp-disco";
import { explainLogin, LoginFailure } from "./explain.ts";

/** What somebody logs in with. */
export interface Login {
  readonly service: string;
  /** The JID of the account; only the domain where the log-in is anonymous. */
  readonly jid: string;
  /** Undefined for an anonymous log-in. */
  readonly password: string | undefined;
}

/** Whether the connection is there. */
export type Connection = "connected" | "reconnecting" | "ended";

/** What one sends in one's own presence; "offline" is to be seen by nobody. */
export type Availability = "available" | "away" | "dnd" | "offline";

/** Somebody in the roster. */
export interface Contact {
  readonly jid: string;
  readonly name: string | undefined;
  readonly subscription: string;
  /** Where they are on line, by full JID. */
  readonly resources: Map<string, Resource>;
}

/** One of a contact's connections. */
export interface Resource {
  readonly show: string;
  readonly status: string | undefined;
  /** Whether its presence told its capabilities. */
  readonly hasCaps: boolean;
}

/** What a session tells: nothing but that there is something to be looked at again. */
export interface SessionListener {
  connection(connection: Connection): void;
  contacts(): void;
}

const NS_ROSTER = "jabber:iq:roster";
const NS_CAPS = ["http://jabber.org/protocol/caps", "urn:xmpp:caps"];

/** How long a server may take to log somebody in. */
const LOGIN_TIMEOUT = 15_000;
/** How long it may take for one step of it; the two seconds of xmpp.js are short for a phone. */
const STEP_TIMEOUT = 8_000;

/** A connection with the services of xmpp-disco on it. */
export class Session {
  readonly disco: DiscoClient;
  readonly caps: EntityCapsService;
  /** The contacts by bare JID. */
  readonly contacts = new Map<string, Contact>();
  readonly isAnonymous: boolean;
  connection: Connection = "reconnecting";
  availability: Availability = "available";
  status = "";
  readonly #xmpp: ReturnType<typeof connect>;
  readonly #iq: IqService;
  readonly #listener: SessionListener;

  private constructor(xmpp: ReturnType<typeof connect>, isAnonymous: boolean, listener: SessionListener) {
    this.#xmpp = xmpp;
    this.#listener = listener;
    this.isAnonymous = isAnonymous;
    const server = xmpp.summon(DiscoServer);
    server.registerIdentity("client", "web", "xmpp-disco explorer");
    server.unregisterIdentity("client", "bot");
    this.disco = xmpp.summon(DiscoClient);
    // What a hash stands for is worth keeping: it is verified when it is read.
    this.caps = xmpp.summon(EntityCapsService, {
      node: "https://www.npmjs.com/package/xmpp-disco#explorer",
      cache: new EntityCapsCache({ store: STORE }),
    });
    this.#iq = xmpp.summon(IqService);
    this.#iq.responseTimeout = 15_000;
    this.#iq.handle({ type: "set", name: "query", xmlns: NS_ROSTER }, ({ stanza, element }) => {
      const { from } = stanza.attrs as { from?: string };
      if (from === undefined || from === this.account) this.#addContacts(element.getChildren("item"));
      return xml("query", { xmlns: NS_ROSTER });
    });
    xmpp.on("stanza", (stanza) => {
      if (stanza.name === "presence")
        this.#onPresence(
          stanza.attrs,
          stanza.getChildText("show"),
          stanza.getChildText("status"),
          stanza.children,
        );
    });
    xmpp.on("disconnect", () => this.#become("reconnecting"));
    xmpp.on("offline", () => this.#become("ended"));
    xmpp.on("online", () => {
      this.#become("connected");
      void this.#begin();
    });
    // Where the stream was resumed, nothing was lost.
    (xmpp.streamManagement as unknown as { on(event: "resumed", listener: () => void): void }).on(
      "resumed",
      () => this.#become("connected"),
    );
  }

  /** Logs in. @throws LoginFailure, with words for people */
  static async start(login: Login, listener: SessionListener): Promise<Session> {
    const { service, jid, password } = login;
    const isAnonymous = password === undefined;
    let xmpp: ReturnType<typeof connect> | undefined;
    try {
      xmpp = connect(checked(login));
      const session = new Session(xmpp, isAnonymous, listener);
      await startOnce(xmpp);
      xmpp.reconnect.start();
      return session;
    } catch (error) {
      // Where there never was a socket, there is none to close.
      if (xmpp !== undefined && xmpp.status !== "connecting") xmpp.stop().catch(() => {});
      throw await explainLogin(error, service, isAnonymous || jid === "");
    }
  }

  /** One's full JID. */
  get jid(): string {
    return this.#xmpp.jid?.toString() ?? "";
  }

  /** One's bare JID. */
  get account(): string {
    return this.#xmpp.jid?.bare().toString() ?? "";
  }

  get domain(): string {
    return this.#xmpp.jid?.domain ?? "";
  }

  /** Ends the session for good. */
  async stop(): Promise<void> {
    this.#xmpp.reconnect.stop();
    await this.#xmpp.stop().catch(() => {});
  }

  /** Tells one's contacts, and with it what this page can do. */
  async sendPresence(availability: Availability, status: string): Promise<void> {
    this.availability = availability;
    this.status = status;
    const type = availability === "offline" ? "unavailable" : undefined;
    const presence = xml("presence", { type });
    if (availability === "away" || availability === "dnd") presence.append(xml("show", {}, availability));
    if (status !== "") presence.append(xml("status", {}, status));
    await this.#xmpp.send(presence);
  }

  async #begin(): Promise<void> {
    this.contacts.clear();
    try {
      const query = await this.#iq.get(xml("query", { xmlns: NS_ROSTER }), undefined);
      this.#addContacts(query?.getChildren("item") ?? []);
    } catch {
      // An anonymous account may have no roster.
    }
    await this.sendPresence(this.availability, this.status).catch(() => {});
    this.#listener.contacts();
  }

  #addContacts(items: readonly { readonly attrs: Record<string, string | undefined> }[]): void {
    for (const { attrs } of items) {
      const { jid, name, subscription = "none" } = attrs;
      if (jid === undefined) continue;
      if (subscription === "remove") this.contacts.delete(jid);
      else
        this.contacts.set(jid, {
          jid,
          name,
          subscription,
          resources: this.contacts.get(jid)?.resources ?? new Map(),
        });
    }
    this.#listener.contacts();
  }

  #onPresence(
    { from = "", type }: Record<string, string | undefined>,
    show: string | null,
    status: string | null,
    children: readonly unknown[],
  ): void {
    const contact = this.contacts.get(from.replace(/\/.*$/s, ""));
    if (contact === undefined || !from.includes("/")) return;
    if (type === undefined) {
      const hasCaps = children.some(
        (child) => child instanceof Element && child.is("c") && NS_CAPS.includes(child.getNS() ?? ""),
      );
      contact.resources.set(from, { show: show ?? "available", status: status ?? undefined, hasCaps });
    } else if (type === "unavailable") {
      contact.resources.delete(from);
    }
    this.#listener.contacts();
  }

  #become(connection: Connection): void {
    if (this.connection === connection) return;
    this.connection = connection;
    this.#listener.connection(connection);
  }
}

interface Checked {
  readonly service: string;
  readonly domain: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

function checked({ service, jid, password }: Login): Checked {
  if (!/^wss?:\/\//i.test(service) || !URL.canParse(service)) {
    throw new LoginFailure(
      "This is no address of a WebSocket.",
      "It begins with wss:// (or ws:// on your own machine), as in wss://example.org/xmpp-websocket.",
      "service",
    );
  }
  if (location.protocol === "https:" && /^ws:/i.test(service)) {
    throw new LoginFailure(
      "A page that came over https:// may not use ws://.",
      "Use an address with wss://.",
      "service",
    );
  }
  let address: ReturnType<typeof parseJid> | undefined;
  try {
    address = /[\s<>&"]/.test(jid) || jid === "" ? undefined : parseJid(jid);
  } catch {
    address = undefined;
  }
  if (password === undefined) {
    if (address === undefined || address.local !== "") {
      throw new LoginFailure("This is no domain.", "It looks like example.org, or anon.example.org.", "jid");
    }
    return { service, domain: address.domain, username: undefined, password };
  }
  if (address === undefined || address.local === "" || address.domain === "") {
    throw new LoginFailure("This is no address of an account.", "It looks like romeo@example.org.", "jid");
  }
  if (password === "")
    throw new LoginFailure("The password is missing.", "Type it; it is not stored.", "password");
  return { service, domain: address.domain, username: address.local, password };
}

function connect({ service, domain, username, password }: Checked) {
  const account = username === undefined ? {} : { username, password };
  const xmpp = withServices(client({ service, domain, ...account }));
  xmpp.timeout = STEP_TIMEOUT;
  // Somebody who cannot log in is told so; nothing is tried for ever.
  xmpp.reconnect.stop();
  return xmpp;
}

/** `start` of xmpp.js waits for ever for a server that stops answering, and tells some failures by an event alone. */
function startOnce(xmpp: ReturnType<typeof connect>): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(Object.assign(new Error("no answer"), { name: "TimeoutError" })),
      LOGIN_TIMEOUT,
    );
    const finish = () => clearTimeout(timer);
    xmpp.on("error", (error: Error) => {
      finish();
      reject(error);
    });
    xmpp.start().then(
      () => {
        finish();
        resolve();
      },
      (error: unknown) => {
        finish();
        reject(error);
      },
    );
  });
}

/** Keeps what hashes stand for in the browser. */
const STORE = {
  get: (key: string): string | null => localStorage.getItem(key),
  set: (key: string, value: string): void => localStorage.setItem(key, value),
};
