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

/**
 * Ends the session and begins to connect for a new one: what helps with a server that hears nothing more.
 *
 * It does not wait for that one. What xmpp.js does by itself at that time, such as to connect again or to end a stream
 * after an error, may go on behind `stop()` and change the state: `start()` fails then with "Connection is not offline".
 */
export async function beginAnew(xmpp: Client): Promise<void> {
  xmpp.reconnect.stop();
  do await xmpp.stop().catch(() => {});
  while (xmpp.status !== "offline");
  xmpp.reconnect.start();
  // Not start(): where that fails halfway, it leaves a promise behind that rejects, and nobody can catch it. Where this one
  // fails, xmpp.js connects again by itself.
  xmpp.reconnect.reconnect().catch(() => {});
}
