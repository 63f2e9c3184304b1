import { EventEmitter } from "node:events";
import { type Component, component } from "@xmpp/component";
import { type Element, Parser } from "@xmpp/xml";

const NS_STREAM = "http://etherx.jabber.org/streams";

/** The server of a component (XEP-0114), in the same process: keeps every stanza, and answers what its script says. */
export class ComponentServer {
  /** The stanzas received, in order. */
  readonly received: Element[] = [];
  script: (stanza: Element) => Element | undefined = () => undefined;
  socket: EventEmitter | undefined;

  /** Sends a stanza, or any XML, to the component. */
  send(stanza: Element | string): void {
    setImmediate(() => this.socket?.emit("data", stanza.toString()));
  }

  /** Cuts the connection as a network does. */
  cut(): void {
    this.socket?.emit("close", true);
  }

  onData(text: string): void {
    if (text.startsWith("<?xml")) {
      this.send(
        `<?xml version="1.0"?><stream:stream xmlns="jabber:component:accept" xmlns:stream="${NS_STREAM}" id="s">`,
      );
    } else if (text.startsWith("</stream:stream")) {
      this.send("</stream:stream>");
    } else if (text.startsWith("<handshake")) {
      this.send("<handshake/>");
    } else {
      const parser = new Parser();
      parser.on("element", (stanza: Element) => {
        this.received.push(stanza);
        const reply = this.script(stanza);
        if (reply !== undefined) this.send(reply);
      });
      parser.write(`<stream:stream xmlns="jabber:component:accept" xmlns:stream="${NS_STREAM}">${text}`);
    }
  }
}

/** An unmodified component of `@xmpp/component` that talks to a server in memory; it does not reconnect by itself. */
export function memoryComponent(server: ComponentServer, domain = "comp.example"): Component {
  const comp = component({ service: "xmpp://127.0.0.1:1", domain, password: "x" });
  comp.reconnect.stop();
  class MemorySocket extends EventEmitter {
    connect(): void {
      server.socket = this;
      setImmediate(() => this.emit("connect"));
    }

    write(text: string, done: () => void): void {
      setImmediate(() => {
        done();
        server.onData(text);
      });
    }

    end(): void {
      setImmediate(() => this.emit("close", false));
    }
  }
  return Object.assign(comp, { Socket: MemorySocket });
}
