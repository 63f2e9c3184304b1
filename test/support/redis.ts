import { LOOPBACK } from "./ports.ts";
import { type Launch, ServerProcess } from "./server-process.ts";

/**
 * A Redis of its own for a test, which keeps nothing over a restart.
 *
 * @example
 * await using redis = await Redis.start();
 */
export class Redis extends ServerProcess {
  private constructor() {
    super({ name: "redis-server", command: "redis-server", debian: "redis-server" }, 1);
  }

  /** @throws Error when redis-server is not installed, or does not start. */
  static start(): Promise<Redis> {
    return new Redis().launch();
  }

  /** The port it listens on. */
  get port(): number {
    return this.portAt(0);
  }

  /** The address for Redis clients. */
  get url(): string {
    return `redis://${LOOPBACK}:${this.port}`;
  }

  protected override async prepare(): Promise<Launch> {
    const settings = { save: "", appendonly: "no", bind: LOOPBACK, port: String(this.port) };
    return { args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]) };
  }
}
