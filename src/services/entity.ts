import type { JID } from "@xmpp/jid";
import type { Element } from "@xmpp/xml";

/** What xmpp.js hands to an `iqCallee` handler, as far as it is used here. */
export interface IqContext {
  /** The whole `<iq/>`. */
  readonly stanza: Element;
  /** The one child of the `<iq/>`. */
  readonly element: Element;
  readonly name: string;
  readonly type: string;
  readonly id: string;
  readonly from: JID | null;
  readonly to: JID | null;
}

/** The part of xmpp.js' `iqCallee` that is used here: its handlers get an {@link IqContext} and `next`. */
export interface IqCallee {
  // Clients and components type their handlers differently: `never` is what any of them takes.
  /** Answers requests of type get. */
  get(xmlns: string, name: string, handler: never): void;
  /** Answers requests of type set. */
  set(xmlns: string, name: string, handler: never): void;
}

/** The part of xmpp.js' stream management (XEP-0198) that is used here; it is an emitter, which its types leave out. */
export interface StreamManagement {
  /** The id to resume the stream with; empty where the server does not let it be resumed. */
  readonly id?: string | undefined;
}

/**
 * A client of `@xmpp/client` or a component of `@xmpp/component`, as far as services need it.
 *
 * It is told by its shape, since the two packages come with classes of their own.
 */
export interface Entity {
  /** The own JID; null before there is a session. */
  readonly jid: { toString(): string } | null;
  /** Such as `online`. */
  readonly status: string;
  /** The namespace of the stream, which tells a component. */
  readonly NS?: string;
  readonly options?: { readonly domain?: string | undefined; readonly lang?: string | undefined };
  readonly iqCallee: IqCallee;
  readonly streamManagement?: StreamManagement | undefined;
  /** Writes a stanza. */
  send(element: Element): Promise<void>;
  /** Adds a listener. */
  on(event: string, listener: (...args: never[]) => void): unknown;
  /** Adds a listener in front of the others. */
  prependListener(event: string, listener: (...args: never[]) => void): unknown;
  /** Takes a listener away. */
  removeListener(event: string, listener: (...args: never[]) => void): unknown;
}

const NS_COMPONENT = "jabber:component:accept";

/** Whether the entity is an external component (XEP-0114) and not a client. */
export function isComponent(entity: Entity): boolean {
  return entity.NS === NS_COMPONENT;
}

/** The text of an entity's own JID: xmpp.js puts it together anew each time that it is asked for. */
export class OwnJid {
  readonly #entity: Entity;
  #jid: Entity["jid"] = null;
  #text: string | undefined;

  constructor(entity: Entity) {
    this.#entity = entity;
  }

  /** As it is now; undefined before there is a session. */
  get text(): string | undefined {
    const { jid } = this.#entity;
    if (jid !== this.#jid) {
      this.#jid = jid;
      this.#text = jid?.toString();
    }
    return this.#text;
  }
}
