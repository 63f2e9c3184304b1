// One client and those around it.
import { xml } from "@xmpp/client";
import type { Element } from "@xmpp/xml";
import {
  DiscoClient,
  type EntityCapsCache,
  EntityCapsService,
  NS_DISCO_INFO,
  withServices,
} from "xmpp-disco";
import { MemoryServer, memoryClient } from "../../test/support/memory.ts";
import { assert, inBatches } from "../task.ts";
import type { Meter } from "./figures.ts";
import type { Kind } from "./kinds.ts";

/** How long a contact takes to answer, in milliseconds. */
const DELAY = 10;
/** So many presences arrive in one packet. */
const PACKET = 100;

/** Who is asked, and what it runs. */
export interface Peer {
  readonly jid: string;
  readonly kind: Kind;
}

export interface WorldOptions {
  readonly meter: Meter;
  /** The client's own address. */
  readonly jid: string;
  readonly kindOf: (jid: string) => Kind | undefined;
  /** What is in each presence besides. */
  readonly payload?: string;
  /** Whether there is an EntityCapsService, and how it is summoned. */
  readonly caps?: { readonly cache?: EntityCapsCache; readonly maxJids?: number } | undefined;
  readonly infoCacheSize?: number | undefined;
}

/** A server that counts what crosses its stream, and answers for those who are asked. */
class CountingServer extends MemoryServer {
  readonly #meter: Meter;

  constructor({ meter, jid, kindOf }: WorldOptions) {
    super({ jid });
    this.#meter = meter;
    this.script = (stanza) => {
      // What it would keep is not the client's memory.
      this.received.length = 0;
      const query = stanza.getChild("query", NS_DISCO_INFO);
      if (query === undefined) return undefined;
      meter.questions += 1;
      const { id, to } = stanza.attrs as Record<"id" | "to", string>;
      const kind = kindOf(to);
      const node: unknown = query.attrs["node"];
      const iq = xml("iq", { type: "result", id, from: to, to: jid }).toString().slice(0, -2);
      assert(kind !== undefined && (node === undefined || node === kind.node), `${to} is asked for ${node}`);
      const answer = `${iq}>${node === undefined ? kind.plain : kind.answer}</iq>`;
      setTimeout(() => meter.aside(() => this.deliver(answer, 1)), DELAY);
      return undefined;
    };
  }

  /** Sends so many stanzas to the client, as text of their own in memory. */
  deliver(text: string, stanzas: number): void {
    this.#meter.count(text, stanzas);
    super.send(Buffer.from(text).toString());
  }

  override onData(text: string): void {
    const isStanza = /^<(iq|presence|message)[ />]/.test(text);
    this.#meter.aside(() => {
      if (isStanza) this.#meter.count(text, 1);
      super.onData(text);
    });
  }
}

/** A client whose contacts come, go, and are asked. */
export class World {
  readonly #options: WorldOptions;
  readonly #server: CountingServer;
  readonly #xmpp: ReturnType<typeof memoryClient>;
  readonly #disco: DiscoClient;
  #received = 0;
  #arrived: () => void = () => {};

  private constructor(options: WorldOptions) {
    this.#options = options;
    this.#server = new CountingServer(options);
    this.#xmpp = memoryClient(this.#server);
    const { caps, infoCacheSize } = options;
    const services = withServices(this.#xmpp);
    this.#disco =
      infoCacheSize === undefined
        ? services.summon(DiscoClient)
        : services.summon(DiscoClient, { infoCacheSize });
    if (caps !== undefined) services.summon(EntityCapsService, caps);
    this.#xmpp.on("element", (element: Element) => {
      if (element.name !== "presence") return;
      this.#received += 1;
      this.#arrived();
    });
  }

  /** Logs in. */
  static async start(options: WorldOptions): Promise<World> {
    const world = new World(options);
    await world.#xmpp.start();
    await world.#xmpp.send(xml("presence"));
    return world;
  }

  stop(): Promise<unknown> {
    return this.#xmpp.stop();
  }

  /** Their presences arrive, with hashes where this client goes by them. */
  async arrive(peers: readonly Peer[]): Promise<void> {
    const { caps, payload = "", jid: to } = this.#options;
    await this.#receive(peers.length, (index) => {
      const peer = peers[index];
      assert(peer !== undefined, "there is no such peer");
      return `<presence from="${peer.jid}" to="${to}">${payload}${caps === undefined ? "" : peer.kind.announcement}</presence>`;
    });
  }

  async leave(peers: readonly Peer[]): Promise<void> {
    const { payload = "", jid: to } = this.#options;
    await this.#receive(
      peers.length,
      (index) => `<presence from="${peers[index]?.jid}" to="${to}" type="unavailable">${payload}</presence>`,
    );
  }

  async #receive(count: number, presence: (index: number) => string): Promise<void> {
    const { meter } = this.#options;
    const wanted = this.#received + count;
    const all = new Promise<void>((resolve) => {
      this.#arrived = () => {
        if (this.#received >= wanted) resolve();
      };
    });
    meter.aside(() => {
      for (let from = 0; from < count; from += PACKET) {
        const end = Math.min(from + PACKET, count);
        let packet = "";
        for (let index = from; index < end; index += 1) packet += presence(index);
        this.#server.deliver(packet, end - from);
      }
    });
    if (count > 0) await all;
  }

  /** Asks what each of them can do, and looks whether that is right. */
  async ask(peers: readonly Peer[], isUpdate = false): Promise<void> {
    const { meter, caps } = this.#options;
    // Without hashes nothing says that what is in the cache is no longer so.
    const options = isUpdate && caps === undefined ? { requireFresh: true } : undefined;
    await inBatches(peers.length, async (index) => {
      const peer = peers[index];
      assert(peer !== undefined, "there is no such peer");
      const info = await this.#disco.queryInfo(peer.jid, options);
      meter.aside(() => {
        const { features } = peer.kind.info;
        assert(
          info.jid === peer.jid && features.every((feature) => info.has(feature)),
          `${peer.jid} is told wrong`,
        );
      });
    });
  }
}
