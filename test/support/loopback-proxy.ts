import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { LOOPBACK } from "./ports.ts";

/** Which way bytes go: "down" from the server to the client, "up" from the client to the server. */
export type Direction = "down" | "up";

/** A TCP proxy between a client and a server on the loopback address; what it does to them is for others to say. */
export abstract class LoopbackProxy<L extends Link> implements AsyncDisposable {
  /** The port that new connections lead to. */
  target: number;
  /**
   * How many sockets Node.js has lost: one that fails while its reset waits for what it has to write yet is neither reset
   * (`reset EINVAL`) nor closed, and keeps the process alive.
   */
  lost = 0;
  /** The connections there are. */
  protected readonly links = new Set<L>();
  readonly #server: Server;
  #refuses = false;
  #stopped: Promise<void> | undefined;

  protected constructor(target: number) {
    this.target = target;
    // A half-closed connection is passed on as such.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      if (this.#refuses) client.resetAndDestroy();
      else this.#connect(client);
    });
  }

  /** Makes of a client's connection, and the one to the server that belongs to it, what passes on their bytes. */
  protected abstract link(client: Socket, server: Socket): L;

  /** Listens on a free port. */
  protected async listen(): Promise<void> {
    this.#server.listen(0, LOOPBACK);
    await once(this.#server, "listening");
  }

  /** The port to connect to instead of the server's. */
  get port(): number {
    const address = this.#server.address() as AddressInfo | null;
    if (address === null) throw new Error("The proxy has been stopped");
    return address.port;
  }

  /** While true, new connections are reset as soon as they are made; current ones are left alone. */
  refuse(refuses: boolean): void {
    this.#refuses = refuses;
  }

  /** Resets all connections and listens no longer; does nothing the second time. */
  stop(): Promise<void> {
    this.#stopped ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.refuse(true);
      for (const link of this.links) link.reset();
    });
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #connect(client: Socket): void {
    const server = connect({ port: this.target, host: LOOPBACK, allowHalfOpen: true, noDelay: true });
    const link = this.link(client, server);
    this.links.add(link);
    for (const socket of [client, server]) {
      socket.on("error", (error: NodeJS.ErrnoException) => {
        if (error.syscall === "reset") this.lost += 1;
      });
      // Until both are: a half that is left would outlive the proxy.
      socket.once("close", () => client.closed && server.closed && this.links.delete(link));
    }
  }
}

/** A client's connection and the one to the server that belongs to it. */
export abstract class Link {
  protected readonly sockets: readonly [Socket, Socket];

  protected constructor(client: Socket, server: Socket) {
    this.sockets = [client, server];
    for (const socket of this.sockets) {
      // "close" follows; what matters is that one side is never left without the other.
      socket.on("error", () => this.reset());
      socket.once("close", (failed) => failed && this.reset());
    }
  }

  /** Resets both. */
  reset(): void {
    for (const socket of this.sockets) {
      // A reset that waits for the connection to be made would leave it open until then.
      if (socket.connecting) socket.destroy();
      else socket.resetAndDestroy();
    }
  }
}
