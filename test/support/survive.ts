import type { EventEmitter } from "node:events";
import type { Client } from "@xmpp/client";

/** What is not in the types of xmpp.js. */
export interface Connection {
  readonly parser: unknown;
  readonly socket: EventEmitter | null;
  _onData(bytes: Buffer | string): void;
}

/**
 * Makes up for three faults of xmpp.js 0.14; to be called before the start.
 *
 * It throws out of the socket's listener when bytes come after the end of the stream. It takes its listeners off a socket
 * that did not close in time: with what that one fails later, nobody listens for errors. Both end the process. And what
 * waited for an answer in a negotiation that was cut acts on the answers of the next one, too: a stream is opened twice,
 * or resumed twice, with all that was not acknowledged sent twice.
 */
export function survive(xmpp: Client): void {
  const connection = xmpp as unknown as Connection;
  const { _onData } = connection;
  connection._onData = (bytes) => {
    if (connection.parser !== null) _onData.call(connection, bytes);
  };
  xmpp.on("connect", () => connection.socket?.on("error", () => {}));
  // Nothing else of xmpp.js listens for these.
  xmpp.on("disconnect", () => xmpp.removeAllListeners("nonza"));
}
