import xml, { type Element } from "@xmpp/xml";
import type { DiscoRequest } from "../disco/node.js";
import type { AnswerPolicy } from "../disco/server.js";
import { IqService } from "../iq/iq-service.js";
import type { SessionListener } from "../iq/session.js";
import { type Entity, isComponent } from "../services/entity.js";
import { onDismissal } from "../services/registry.js";
import { Service } from "../services/service.js";
import { withServices } from "../services/with-services.js";
import { type Address, bareJid, canonicalJid, domainOf, toJid } from "../xml/jid.js";

const NS_ROSTER = "jabber:iq:roster";
const NS_MUC = "http://jabber.org/protocol/muc";

/** With these the contact gets our presence (RFC 6121 §2.1.2.5). */
const SUBSCRIBED = new Set(["from", "both"]);

/**
 * Knows whom a client's presence reaches: those who may see it, and those it was sent to.
 *
 * That is one's own account and server; while one is available, the contacts with a subscription to one's presence
 * (RFC 6121 §4.2); and whom presence was directed to (§4.6), for a room all of its occupants (XEP-0045). The roster
 * is asked for once a session, when somebody asks first who is none of the others. What was sent before it was summoned
 * is not known: summon it before `start`.
 */
export class PresenceReach extends Service {
  readonly #iq: IqService;
  readonly #session: SessionListener;
  /** Whether presence was broadcast, and not taken back. */
  #isAvailable = false;
  /** Whom presence was directed to; whether it is a room. */
  readonly #directed = new Map<string, { readonly isRoom: boolean }>();
  /** Whom it was told since that one is gone. */
  readonly #withdrawn = new Set<string>();
  /** The bare JIDs that get our presence; undefined before the roster is known. */
  #subscribers: Set<string> | undefined;
  #asking: Promise<Set<string>> | undefined;

  /** @throws TypeError for a component, which has no roster */
  constructor(client: Entity, options: Record<string, never> = {}) {
    super(client, options);
    if (isComponent(client)) throw new TypeError("a component has no roster: it needs a policy of its own");
    this.#iq = this.summon(IqService);
    this.#session = { lost: () => this.#forget() };
    this.#iq.session.subscribe(this.#session);
    client.on("send", this.#onSend);
    client.on("element", this.#onElement);
    onDismissal(this, () => {
      this.#iq.session.unsubscribe(this.#session);
      client.removeListener("send", this.#onSend);
      client.removeListener("element", this.#onElement);
      this.#forget();
    });
  }

  /**
   * Whether a JID gets this client's presence at this time; `undefined` is one's own account or server.
   *
   * Rejects like {@link IqService.get} where the roster cannot be had.
   */
  async reaches(jid: Address | undefined): Promise<boolean> {
    const own = canonicalJid(this.client.jid?.toString());
    if (jid === undefined) return true;
    const asker = toJid(jid);
    const bare = bareJid(asker);
    if (own !== undefined && (bare === bareJid(own) || asker === domainOf(own))) return true;
    if (this.#isDirectedTo(asker, bare)) return true;
    if (!this.#isAvailable || this.#withdrawn.has(asker) || this.#withdrawn.has(bare)) return false;
    const subscribers = this.#subscribers ?? (await this.#askRoster());
    return this.#isAvailable && subscribers.has(bare);
  }

  #isDirectedTo(asker: string, bare: string): boolean {
    if (this.#directed.has(asker) || this.#directed.has(bare)) return true;
    for (const [to, { isRoom }] of this.#directed) if (isRoom && bareJid(to) === bare) return true;
    return false;
  }

  #askRoster(): Promise<Set<string>> {
    const known = this.#asking;
    if (known !== undefined) return known;
    const asking = this.#iq.get(xml("query", { xmlns: NS_ROSTER })).then(
      (roster) => {
        const subscribers = new Set<string>();
        if (this.#asking === asking) {
          this.#subscribers = subscribers;
          this.#asking = undefined;
        }
        note(subscribers, roster);
        return subscribers;
      },
      (error: unknown) => {
        if (this.#asking === asking) this.#asking = undefined;
        throw error;
      },
    );
    this.#asking = asking;
    return asking;
  }

  #forget(): void {
    this.#isAvailable = false;
    this.#directed.clear();
    this.#withdrawn.clear();
    this.#subscribers = undefined;
    this.#asking = undefined;
  }

  readonly #onSend = (stanza: Element): void => {
    if (stanza.name !== "presence") return;
    const { to, type } = stanza.attrs as Record<string, string | undefined>;
    if (type !== undefined && type !== "unavailable") return;
    const isAvailable = type === undefined;
    if (to === undefined) {
      this.#isAvailable = isAvailable;
      this.#withdrawn.clear();
      // The server tells those as well that presence was directed to. https://www.rfc-editor.org/rfc/rfc6121#section-4.5.2
      if (!isAvailable) this.#directed.clear();
      return;
    }
    const target = canonicalJid(to);
    if (target === undefined) return;
    if (!isAvailable) {
      this.#directed.delete(target);
      this.#withdrawn.add(target);
      return;
    }
    this.#withdrawn.delete(target);
    // A room's later presence, such as that one is away, need not say again that it is one.
    if (this.#directed.get(target)?.isRoom) return;
    this.#directed.set(target, { isRoom: stanza.getChild("x", NS_MUC) !== undefined });
  };

  readonly #onElement = (stanza: Element): void => {
    const { from, type } = stanza.attrs as Record<string, string | undefined>;
    if (stanza.name === "presence") {
      // Out of a room, or never in it.
      const sender = type === "unavailable" || type === "error" ? canonicalJid(from) : undefined;
      if (sender !== undefined && this.#directed.get(sender)?.isRoom) this.#directed.delete(sender);
    } else if (stanza.name === "iq" && type === "set" && this.#subscribers !== undefined) {
      // "A receiving client MUST ignore the stanza unless it has no 'from' attribute [...] or it has a 'from' attribute
      // whose value matches the user's bare JID" https://www.rfc-editor.org/rfc/rfc6121#section-2.1.6
      const own = canonicalJid(this.client.jid?.toString());
      const isOwn = from === undefined || (own !== undefined && canonicalJid(from) === bareJid(own));
      if (isOwn) note(this.#subscribers, stanza.getChild("query", NS_ROSTER));
    }
  };
}

/** Takes what a roster, or a change of it, says of who gets our presence. */
function note(subscribers: Set<string>, roster: Element | undefined): void {
  for (const { attrs } of roster?.getChildren("item") ?? []) {
    const { jid, subscription } = attrs as Record<string, string | undefined>;
    const contact = canonicalJid(jid);
    if (contact === undefined) continue;
    if (subscription !== undefined && SUBSCRIBED.has(subscription)) subscribers.add(contact);
    else subscribers.delete(contact);
  }
}

/**
 * A policy for {@link DiscoServer.policy}: only whom the client's presence reaches gets an answer (XEP-0030 §8,
 * XEP-0390 §8.3, RFC 6120 §13.10.2).
 *
 * It summons {@link PresenceReach}: set it before `start`.
 *
 * @throws TypeError for a component
 * @example
 * xmpp.summon(DiscoServer).policy = reachedByPresence(xmpp);
 */
export function reachedByPresence(entity: Entity): AnswerPolicy {
  const reach = withServices(entity).summon(PresenceReach);
  return ({ from }: DiscoRequest) => reach.reaches(from);
}
