import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { LOOPBACK } from "../test/support/ports.ts";

/** A stream without an XML parser: text in, text out. */
export class RawStream {
  readonly #socket: Socket;
  #text = "";
  /** Called with what came and was not used; returns what is left of it. */
  onText: (text: string) => string = (text) => text;
  jid = "";

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true).setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#text = this.onText(this.#text + text);
    });
  }

  static async #connect(port: number): Promise<RawStream> {
    const socket = createConnection(port, LOOPBACK);
    await once(socket, "connect");
    return new RawStream(socket);
  }

  /** Logs in as a client, with the password "secret". */
  static async login(port: number, username: string): Promise<RawStream> {
    const stream = await RawStream.#connect(port);
    const header =
      "<?xml version='1.0'?><stream:stream xmlns='jabber:client' " +
      "xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";
    stream.send(header);
    await stream.until(/<\/stream:features>/);
    const plain = Buffer.from(`\0${username}\0secret`).toString("base64");
    stream.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`);
    await stream.until(/<success[^>]*>/);
    stream.send(header);
    await stream.until(/<\/stream:features>/);
    stream.send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    stream.jid = /<jid>(.*?)<\/jid>/.exec(await stream.until(/<jid>.*?<\/iq>/))?.[1] ?? "";
    return stream;
  }

  /** Connects as a component (XEP-0114), to a server that looks at no digest. */
  static async handshake(port: number, domain: string): Promise<RawStream> {
    const stream = await RawStream.#connect(port);
    stream.send(
      "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' " +
        `xmlns:stream='http://etherx.jabber.org/streams' to='${domain}'>`,
    );
    await stream.until(/<stream:stream[^>]*>/);
    stream.send("<handshake>none</handshake>");
    await stream.until(/<handshake\/>/);
    return stream;
  }

  send(text: string): void {
    this.#socket.write(text);
  }

  /** Waits for what matches, and takes it with all before it. */
  until(pattern: RegExp): Promise<string> {
    return new Promise((resolve) => {
      const look = (text: string) => {
        const match = pattern.exec(text);
        if (match === null) return text;
        this.onText = (rest) => rest;
        resolve(match[0]);
        return text.slice(match.index + match[0].length);
      };
      this.onText = look;
      this.#text = look(this.#text);
    });
  }

  /**
   * Sends so many requests, some at once, and waits for their answers; how long it took, in milliseconds.
   *
   * @param request makes the request of a number
   */
  async ask(count: number, inFlight: number, request: (index: number) => string): Promise<number> {
    const startedAt = performance.now();
    let asked = 0;
    let answered = 0;
    const askMore = (more: number) => {
      let batch = "";
      for (let n = Math.min(more, count - asked); n > 0; n--) {
        batch += request(asked);
        asked += 1;
      }
      if (batch !== "") this.send(batch);
    };
    await new Promise<void>((resolve) => {
      this.onText = (text) => {
        let arrived = 0;
        let end = 0;
        for (let at = text.indexOf("</iq>"); at !== -1; at = text.indexOf("</iq>", end)) {
          arrived += 1;
          end = at + 5;
        }
        answered += arrived;
        if (answered === count) resolve();
        else askMore(arrived);
        return text.slice(end);
      };
      askMore(inFlight);
    });
    this.onText = (text) => text;
    return performance.now() - startedAt;
  }

  close(): void {
    this.#socket.destroy();
  }
}
