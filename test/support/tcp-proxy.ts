import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { LOOPBACK } from "./ports.ts";

/** Which way bytes go: "down" from the server to the client, "up" from the client to the server. */
export type Direction = "down" | "up";

/**
 * A TCP proxy that makes a network misbehave between a client and a server on the loopback address.
 *
 * @example
 * await using proxy = await TcpProxy.start(prosody.port);
 * const { xmpp } = await connect({ service: `xmpp://127.0.0.1:${proxy.port}`, username: "romeo" });
 * proxy.cut();
 */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #held = new Set<Direction>();
  #refuses = false;
  #stopped: Promise<void> | undefined;

  private constructor(targetPort: number) {
    // A half-closed connection is passed on as such.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      if (this.#refuses) client.resetAndDestroy();
      else this.#link(client, targetPort);
    });
  }

  /** Starts to listen on a free port. */
  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(0, LOOPBACK);
    await once(proxy.#server, "listening");
    return proxy;
  }

  /** The port to connect to instead of the server's. */
  get port(): number {
    const address = this.#server.address() as AddressInfo | null;
    if (address === null) throw new Error("The proxy has been stopped");
    return address.port;
  }

  /**
   * How many sockets Node.js has lost: one that fails while its reset waits for what it has to write yet is neither reset
   * (`reset EINVAL`) nor closed, and keeps the process alive.
   */
  lost = 0;

  /** How many connections there are. */
  get connections(): number {
    return this.#links.size;
  }

  /** Resets all current connections at once, on both sides; what was held back is lost. */
  cut(): void {
    for (const link of this.#links) link.cut();
  }

  /** While true, new connections are reset as soon as they are made; current ones are left alone. */
  refuse(refuses: boolean): void {
    this.#refuses = refuses;
  }

  /** Keeps back all bytes that go in a direction, on current connections and new ones. */
  hold(direction: Direction): void {
    this.#held.add(direction);
    for (const link of this.#links) link[direction].hold();
  }

  /** Sends on what was held back and holds no longer, in one direction or in both. */
  release(direction?: Direction): void {
    for (const each of direction ? [direction] : [...this.#held]) {
      this.#held.delete(each);
      for (const link of this.#links) link[each].release();
    }
  }

  /** Resets all connections and listens no longer; does nothing the second time. */
  stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.refuse(true);
      this.cut();
    });
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #link(client: Socket, targetPort: number): void {
    const server = connect({ port: targetPort, host: LOOPBACK, allowHalfOpen: true, noDelay: true });
    const link = new Link(client, server);
    this.#links.add(link);
    for (const direction of this.#held) link[direction].hold();
    for (const socket of [client, server]) {
      socket.on("error", (error: NodeJS.ErrnoException) => {
        if (error.syscall === "reset") this.lost += 1;
      });
      // Until both are: a half that is left would outlive the proxy.
      socket.once("close", () => client.closed && server.closed && this.#links.delete(link));
    }
  }
}

/** A client's connection and the one to the server that belongs to it. */
class Link {
  readonly up: Pipe;
  readonly down: Pipe;
  readonly #sockets: readonly [Socket, Socket];

  constructor(client: Socket, server: Socket) {
    this.up = new Pipe(client, server);
    this.down = new Pipe(server, client);
    this.#sockets = [client, server];
    for (const socket of this.#sockets) {
      // "close" follows; what matters is that one side is never left without the other.
      socket.on("error", () => this.cut());
      socket.once("close", (failed) => failed && this.cut());
    }
  }

  cut(): void {
    for (const socket of this.#sockets) {
      // A reset that waits for the connection to be made would leave it open until then.
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
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
