import { LOOPBACK } from "./ports.ts";
import { type Program, ServerProcess } from "./server-process.ts";

/** What all XMPP servers can be started with. */
export interface XmppServerOptions {
  /** The names of the accounts, each with the password "secret"; "romeo" and "juliet" unless given. */
  readonly accounts?: readonly string[];
  /** Whether stream management is offered; it is not unless asked for. */
  readonly smacks?: boolean;
  /** The external components (XEP-0114): the secret of each by its JID. */
  readonly components?: Readonly<Record<string, string>>;
}

/** An XMPP server of its own for a test, without TLS. */
export abstract class XmppServer extends ServerProcess {
  /** The host that has the accounts. */
  readonly domain = "localhost";
  /** The host where everybody may log in, anonymously. */
  readonly anonymousDomain = "anon.localhost";
  /** The service for rooms, where everybody may make one. */
  readonly mucDomain = "muc.localhost";
  /** The password of all accounts. */
  readonly password = "secret";

  protected readonly accounts: readonly string[];
  protected readonly smacks: boolean;
  protected readonly components: Readonly<Record<string, string>>;

  protected constructor(program: Program, options: XmppServerOptions) {
    super(program, 3);
    this.accounts = options.accounts ?? ["romeo", "juliet"];
    this.smacks = options.smacks ?? false;
    this.components = options.components ?? {};
  }

  /** The port for clients over TCP. */
  get port(): number {
    return this.portAt(0);
  }

  /** The port for clients over WebSocket. */
  get httpPort(): number {
    return this.portAt(1);
  }

  /** The port for external components; nobody listens there when the server has none. */
  get componentPort(): number {
    return this.portAt(2);
  }

  /** The address for clients over TCP. */
  get service(): string {
    return `xmpp://${LOOPBACK}:${this.port}`;
  }

  /** The address for clients over WebSocket. */
  get webSocket(): string {
    return `ws://${LOOPBACK}:${this.httpPort}/xmpp-websocket`;
  }

  /** The address for external components. */
  get componentService(): string {
    return `xmpp://${LOOPBACK}:${this.componentPort}`;
  }

  protected override listening(): readonly number[] {
    const ports = [this.port, this.httpPort];
    return Object.keys(this.components).length > 0 ? [...ports, this.componentPort] : ports;
  }
}
