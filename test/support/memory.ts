import { client } from "@xmpp/client";
import Connection from "@xmpp/connection";
import { EventEmitter } from "@xmpp/events";
import xml, { type Element, Parser } from "@xmpp/xml";

const NS_STREAM = "http://etherx.jabber.org/streams";
const NS_SM = "urn:xmpp:sm:3";

// Browsers have a timer within a timer wait for four milliseconds; their setImmediate is of the tests' set-up.
const isBrowser = "window" in globalThis;
const soon = (run: () => void) => void (isBrowser ? setImmediate(run) : setTimeout(run));

/** What a test does with a stanza that the client sent; what it returns is sent back. */
export type Script = (stanza: Element, server: MemoryServer) => Element | string | undefined;

/** How a {@link MemoryServer} treats its client. */
export interface MemoryServerOptions {
  readonly jid?: string;
  /** Offers stream management with resumption (XEP-0198). */
  readonly streamManagement?: boolean;
  readonly lang?: string;
  /** More stream features, as XML. */
  readonly features?: string;
}

/**
 * The other end of an unmodified client's stream, in the same process: it negotiates as a server does, keeps every
 * stanza it gets, and answers what its script says. It runs in browsers too.
 */
export class MemoryServer {
  /** The stanzas received, in order. */
  readonly received: Element[] = [];
  script: Script = () => undefined;
  readonly #options: MemoryServerOptions;
  #socket: MemorySocket | undefined;
  #inbound = 0;
  /** Whether the next stream may be resumed. */
  resumable = true;

  constructor(options: MemoryServerOptions = {}) {
    this.#options = options;
  }

  get jid(): string {
    return this.#options.jid ?? "romeo@montague.example/orchard";
  }

  get domain(): string {
    return this.jid.replace(/^[^@]*@/, "").replace(/\/.*$/, "");
  }

  /** Sends a stanza, or any XML, to the client. */
  send(stanza: Element | string): void {
    this.#socket?.receive(stanza.toString());
  }

  /** Cuts the connection as a network does. */
  cut(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.emit("close", true, new Error("cut"));
  }

  /** The stanzas received of this name, `iq` requests as a rule. */
  requests(): Element[] {
    return this.received.filter((stanza) => stanza.is("iq") && ["get", "set"].includes(stanza.attrs.type));
  }

  accept(socket: MemorySocket | undefined): void {
    this.#socket = socket;
  }

  get connected(): boolean {
    return this.#socket !== undefined;
  }

  /** What the client wrote. */
  onData(text: string): void {
    if (text.startsWith("<?xml")) this.#onOpen();
    else if (text.startsWith("</stream:stream")) this.send("</stream:stream>");
    else this.#onStanzas(text);
  }

  #onStanzas(text: string): void {
    const parser = new Parser();
    const root = `<stream:stream xmlns="jabber:client" xmlns:stream="${NS_STREAM}">`;
    parser.on("element", (element: Element) => this.#onElement(element));
    parser.write(root + text);
  }

  #onOpen(): void {
    const lang = this.#options.lang === undefined ? "" : ` xml:lang="${this.#options.lang}"`;
    const sm = this.#options.streamManagement ? `<sm xmlns="${NS_SM}"/>` : "";
    this.send(
      `<?xml version="1.0"?><stream:stream xmlns="jabber:client" xmlns:stream="${NS_STREAM}" id="s" version="1.0" ` +
        `from="${this.domain}"${lang}><stream:features><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>${sm}` +
        `${this.#options.features ?? ""}</stream:features>`,
    );
  }

  #onElement(element: Element): void {
    const bind = element.getChild("bind", "urn:ietf:params:xml:ns:xmpp-bind");
    if (element.is("enable", NS_SM)) {
      this.#inbound = 0;
      this.send(`<enabled xmlns="${NS_SM}" id="resume-me" resume="true"/>`);
    } else if (element.is("resume", NS_SM)) {
      const resumed = `<resumed xmlns="${NS_SM}" h="${this.#inbound}" previd="resume-me"/>`;
      this.send(this.resumable ? resumed : `<failed xmlns="${NS_SM}"/>`);
    } else if (element.is("r", NS_SM)) {
      this.send(`<a xmlns="${NS_SM}" h="${this.#inbound}"/>`);
    } else if (bind !== undefined) {
      const jid = xml("jid", {}, this.jid);
      this.send(xml("iq", { type: "result", id: element.attrs.id }, xml("bind", bind.attrs.xmlns, jid)));
    } else if (!element.is("a", NS_SM)) {
      this.#inbound += 1;
      this.received.push(element);
      const reply = this.script(element, this);
      if (reply !== undefined) this.send(reply);
    }
  }
}

/** A socket as xmpp.js wants it, whose other end is a {@link MemoryServer}. */
class MemorySocket extends EventEmitter {
  readonly secure = true;
  #server: MemoryServer | undefined;

  connect({ server }: { server: MemoryServer }): void {
    this.#server = server;
    server.accept(this);
    queueMicrotask(() => this.emit("connect"));
  }

  write(text: string, done?: (error?: Error) => void): void {
    const server = this.#server;
    if (server?.connected !== true) {
      done?.(new Error("the socket is closed"));
      return;
    }
    // As on a network, the other end reads later.
    queueMicrotask(() => done?.());
    soon(() => server.onData(text));
  }

  receive(text: string): void {
    soon(() => this.emit("data", text));
  }

  end(): void {
    this.#server?.accept(undefined);
    this.emit("close", false);
  }
}

/** A transport for the scheme `memory:`, beside xmpp.js' own. */
function transport(server: MemoryServer) {
  class MemoryConnection extends Connection {
    socketParameters(service: string) {
      return service.startsWith("memory:") ? { server } : undefined;
    }

    async sendMany(elements: Iterable<Element>): Promise<void> {
      for (const element of elements) await this.send(element);
    }

    headerElement(): Element {
      return xml("stream:stream", { version: "1.0", xmlns: "jabber:client", "xmlns:stream": NS_STREAM });
    }

    override header(element: Element): string {
      return `<?xml version='1.0'?>${element.toString().slice(0, -2)}>`;
    }

    override footer(): string {
      return "</stream:stream>";
    }
  }
  Object.assign(MemoryConnection.prototype, { Socket: MemorySocket, Parser, NS: "jabber:client" });
  return MemoryConnection;
}

/** An unmodified client of `@xmpp/client` that talks to the server in memory. */
export function memoryClient(server: MemoryServer): ReturnType<typeof client> {
  const xmpp = client({ service: "memory://server", domain: server.domain });
  // xmpp.js finds its transports here.
  (xmpp as unknown as { transports: unknown[] }).transports.unshift(transport(server));
  xmpp.reconnect.delay = 1;
  return xmpp;
}
