import type { Socket } from "node:net";
import { type Direction, Link, LoopbackProxy } from "./loopback-proxy.ts";

/**
 * A TCP proxy that makes a network misbehave between a client and a server on the loopback address.
 *
 * @example
 * await using proxy = await TcpProxy.start(prosody.port);
 * const { xmpp } = await connect({ service: `xmpp://127.0.0.1:${proxy.port}`, username: "romeo" });
 * proxy.cut();
 */
export class TcpProxy extends LoopbackProxy<PipedLink> {
  readonly #held = new Set<Direction>();

  /** Starts to listen on a free port. */
  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await proxy.listen();
    return proxy;
  }

  /** How many connections there are. */
  get connections(): number {
    return this.links.size;
  }

  /** Resets all current connections at once, on both sides; what was held back is lost. */
  cut(): void {
    for (const link of this.links) link.reset();
  }

  /** Keeps back all bytes that go in a direction, on current connections and new ones. */
  hold(direction: Direction): void {
    this.#held.add(direction);
    for (const link of this.links) link[direction].hold();
  }

  /** Sends on what was held back and holds no longer, in one direction or in both. */
  release(direction?: Direction): void {
    for (const each of direction ? [direction] : [...this.#held]) {
      this.#held.delete(each);
      for (const link of this.links) link[each].release();
    }
  }

  protected override link(client: Socket, server: Socket): PipedLink {
    const link = new PipedLink(client, server);
    for (const direction of this.#held) link[direction].hold();
    return link;
  }
}

class PipedLink extends Link {
  readonly up: Pipe;
  readonly down: Pipe;

  constructor(client: Socket, server: Socket) {
    super(client, server);
    this.up = new Pipe(client, server);
    this.down = new Pipe(server, client);
  }
}

/** One direction of a link. */
class Pipe {
  readonly #to: Socket;
  #held: Buffer[] | undefined;
  #ended = false;

  constructor(from: Socket, to: Socket) {
    this.#to = to;
    from.on("data", (bytes) => {
      if (this.#held) this.#held.push(bytes);
      else to.write(bytes);
    });
    from.once("end", () => {
      this.#ended = true;
      if (!this.#held) to.end();
    });
  }

  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    if (this.#to.destroyed) return;
    for (const bytes of held) this.#to.write(bytes);
    if (this.#ended) this.#to.end();
  }
}
