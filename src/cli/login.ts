import { client } from "@xmpp/client";
import { type Services, withServices } from "../index.js";
import { canonicalJid } from "../xml/jid.js";
import { EXIT, Failure, loginFailure } from "./exit-codes.js";

/** Who logs in, and where; all of it may come from the environment. */
export interface LoginOptions {
  /** The account; anonymous where there is none. */
  readonly jid?: string | undefined;
  /** The domain to log in to anonymously. */
  readonly anonymous?: string | undefined;
  /** Where the server is, such as `xmpp://localhost:5222` or `wss://example.org/xmpp-websocket`. */
  readonly service?: string | undefined;
  /** How long to wait for answers, in milliseconds. */
  readonly timeout: number;
}

type Client = ReturnType<typeof client>;

/** A client with services, and what ends its session. */
export interface Login {
  readonly xmpp: Client & Services;
  stop(): Promise<void>;
}

/**
 * Makes a client that is not connected yet, so that services can be summoned before the first stanza; `start` logs in.
 *
 * @throws Failure when it is not clear who logs in, and where
 */
export async function prepareLogin(options: LoginOptions): Promise<Login & { start(): Promise<void> }> {
  const jid = options.jid ?? process.env.XMPP_JID;
  const { anonymous, timeout } = options;
  if ((jid === undefined) === (anonymous === undefined)) {
    const advice = "Give --jid user@domain (or XMPP_JID), or --anonymous domain.";
    throw new Failure(EXIT.usage, "it is not clear who logs in", advice);
  }
  const account = canonicalJid(jid ?? anonymous);
  const [, username, domain, resource] = /^(?:([^@/]*)@)?([^/]*)(?:\/(.*))?$/s.exec(account ?? "") ?? [];
  if (!domain || (jid !== undefined && username === undefined)) {
    throw new Failure(
      EXIT.usage,
      `not an account: ${JSON.stringify(jid ?? anonymous)}`,
      "It is user@domain.",
    );
  }
  const service = options.service ?? process.env.XMPP_SERVICE ?? domain;
  const password = jid === undefined ? undefined : await askPassword(account ?? jid);
  await provideWebSocket(service);
  const xmpp = withServices(client({ service, domain, username, password, resource }));
  xmpp.reconnect.stop();
  xmpp.timeout = timeout;
  // What goes wrong is told by what it makes fail.
  xmpp.on("error", () => {});
  return {
    xmpp,
    start: async () => {
      try {
        await xmpp.start();
      } catch (error) {
        await xmpp.stop().catch(() => {});
        throw loginFailure(error, service);
      }
    },
    stop: async () => {
      // A server that does not close its side has its time; what it says then is of no interest.
      xmpp.timeout = 1_000;
      await xmpp.stop().catch(() => {});
    },
  };
}

/** The password from the environment, or from a person, unseen. */
async function askPassword(account: string): Promise<string> {
  const given = process.env.XMPP_PASSWORD;
  if (given !== undefined) return given;
  if (!process.stdin.isTTY) {
    throw new Failure(
      EXIT.usage,
      "there is no password",
      "Set XMPP_PASSWORD; there is no terminal to ask on.",
    );
  }
  const { default: password } = await import("@inquirer/password");
  return password({ message: `Password of ${account}`, mask: false }, { output: process.stderr });
}

/** Node.js has a WebSocket of its own from 22 on. */
async function provideWebSocket(service: string): Promise<void> {
  if (!/^wss?:/.test(service) || "WebSocket" in globalThis) return;
  const { WebSocket } = await import("ws");
  Object.assign(globalThis, { WebSocket });
}
