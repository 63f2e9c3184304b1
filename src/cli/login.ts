import { setTimeout as sleep } from "node:timers/promises";
import { client } from "@xmpp/client";
import xml from "@xmpp/xml";
import { type Services, withServices } from "../index.js";
import { EXIT, Failure, loginFailure, silence } from "./exit-codes.js";
import { parseJid } from "./target.js";

/** Who logs in, and where. */
export interface LoginOptions {
  /** The account. */
  readonly jid?: string | undefined;
  /** The domain to log in to anonymously. */
  readonly anonymous?: string | undefined;
  /** Where the server is, such as `xmpp://localhost:5222` or `wss://example.org/xmpp-websocket`. */
  readonly service?: string | undefined;
  /** How long the server may say nothing, in milliseconds. */
  readonly timeout: number;
}

type Client = ReturnType<typeof client>;
type Credentials = Extract<
  NonNullable<NonNullable<Parameters<typeof client>[0]>["credentials"]>,
  CallableFunction
>;

/** A client with services that is not connected yet, so that they can be summoned before the first stanza. */
export interface Login {
  readonly xmpp: Client & Services;
  /** Why the connection was lost, where the server has said so. */
  readonly lastError: Error | undefined;
  /** Logs in. @throws Failure when it cannot */
  start(signal: AbortSignal): Promise<void>;
  /** Ends the session; never rejects, and takes no longer than {@link PATIENCE}. */
  stop(): Promise<void>;
}

/** How long a server may take to end its side, in milliseconds. */
const PATIENCE = 500;

/**
 * Makes a client from options and the environment, and asks for the password where it has to.
 *
 * @throws Failure when it is not clear who logs in, and where
 */
export async function prepareLogin(options: LoginOptions, signal: AbortSignal): Promise<Login> {
  const { username, domain, resource, isAnonymous } = whoLogsIn(options);
  const service = whereTo(options.service ?? (process.env["XMPP_SERVICE"] || undefined) ?? domain);
  const password = isAnonymous ? undefined : await askPassword(`${username}@${domain}`, signal);
  await provideWebSocket(service);
  const credentials = username === undefined ? anonymously(domain) : withPassword(username, password ?? "");
  const xmpp = withServices(client({ service, domain, resource, credentials }));
  xmpp.reconnect.stop();
  let lastError: Error | undefined;
  xmpp.on("error", (error: Error) => {
    // What goes wrong is told by what it makes fail.
    lastError = error;
    // xmpp.js throws on what comes after bad XML.
    if (error.name === "XMLError") destroy(xmpp.socket);
  });
  return {
    xmpp,
    get lastError() {
      return lastError;
    },
    start: async (ended) => {
      try {
        await connect(xmpp, service, domain, options.timeout, ended);
      } catch (error) {
        throw ended.aborted ? ended.reason : loginFailure(error, service);
      }
    },
    stop: async () => {
      if (!["opening", "open", "online"].includes(xmpp.status)) return;
      xmpp.timeout = PATIENCE;
      await Promise.race([xmpp.stop().catch(() => {}), sleep(PATIENCE)]);
    },
  };
}

function whoLogsIn(options: LoginOptions) {
  // What was typed wins over the environment.
  const jid =
    options.jid ?? (options.anonymous === undefined ? process.env["XMPP_JID"] || undefined : undefined);
  const { anonymous } = options;
  if (jid !== undefined && anonymous !== undefined) {
    throw new Failure(
      EXIT.usage,
      "it is not clear who logs in: --jid and --anonymous are given",
      "Give one of them.",
    );
  }
  const given = jid ?? anonymous;
  if (given === undefined) {
    const advice =
      "Give --jid user@domain or set XMPP_JID; or --anonymous domain, where a server lets everybody in.";
    throw new Failure(EXIT.usage, "it is not clear who logs in", advice);
  }
  const account = parseJid(given);
  const [, username, domain = "", resource] = /^(?:([^@/]*)@)?([^/]*)(?:\/(.*))?$/s.exec(account) ?? [];
  if (jid !== undefined && username === undefined) {
    throw new Failure(EXIT.usage, `not an account: ${jid}`, "It is user@domain, or user@domain/resource.");
  }
  if (anonymous !== undefined && account !== domain) {
    throw new Failure(
      EXIT.usage,
      `not a domain: ${anonymous}`,
      "--anonymous takes the server's domain alone.",
    );
  }
  return { username, domain, resource, isAnonymous: jid === undefined };
}

/** An address that xmpp.js understands: people leave out the protocol. */
function whereTo(service: string): string {
  if (/^(?:xmpps?|wss?):\/\/./i.test(service)) return service;
  if (/^[^/?#]+:\d+$/.test(service)) return `xmpp://${service}`;
  if (!/[/?#]/.test(service)) return service;
  throw new Failure(
    EXIT.usage,
    `not an address of a server: ${service}`,
    "It is a domain, or such as xmpps://host:5223, xmpp://host:5222 or wss://host/path.",
  );
}

function anonymously(domain: string): Credentials {
  return async (authenticate, mechanisms: readonly string[]) => {
    if (!mechanisms.includes("ANONYMOUS")) {
      const advice = "Log in with --jid, or ask who runs it which domain is for guests.";
      throw new Failure(EXIT.login, `${domain} lets nobody in without an account`, advice);
    }
    await authenticate({}, "ANONYMOUS", userAgent());
  };
}

function withPassword(username: string, password: string): Credentials {
  return async (authenticate, mechanisms: readonly string[], _fast, entity) => {
    const isSecure = (entity as { isSecure?(): boolean } | undefined)?.isSecure?.() ?? false;
    // Of those that xmpp.js knows, the best first.
    const mechanism = mechanisms.find((name) => name !== "ANONYMOUS" && (isSecure || name !== "PLAIN"));
    if (mechanism === undefined) {
      throw mechanisms.includes("PLAIN")
        ? new Failure(
            EXIT.login,
            "the server wants the password in the clear, on a connection that is not encrypted",
            "Use xmpps:// or wss:// in --service, if the server has it.",
          )
        : new Failure(
            EXIT.login,
            "the server lets nobody in with a password",
            "It may be for guests: --anonymous.",
          );
    }
    await authenticate({ username, password }, mechanism, userAgent());
  };
}

function userAgent() {
  return xml("user-agent", { id: globalThis.crypto.randomUUID() });
}

/** Like `xmpp.start()`, but it ends: with the signal, with the connection, or when nothing comes any more. */
async function connect(
  xmpp: Client,
  service: string,
  domain: string,
  timeout: number,
  signal: AbortSignal,
): Promise<void> {
  const end = new AbortController();
  const over = new Promise<never>((_, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const stillAlive = () => {
      clearTimeout(timer);
      timer = setTimeout(() => reject(silence(service, timeout)), timeout);
    };
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    xmpp.on("status", stillAlive);
    xmpp.on("element", stillAlive);
    stillAlive();
    end.signal.addEventListener("abort", () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      xmpp.removeListener("status", stillAlive);
      xmpp.removeListener("element", stillAlive);
    });
  });
  over.catch(() => {});
  // Its own timeouts are shorter than ours.
  xmpp.timeout = 2 * timeout;
  const open = async () => {
    await xmpp.connect(service);
    const online = new Promise<void>((resolve, reject) => {
      xmpp.once("online", () => resolve());
      xmpp.once("error", reject);
      xmpp.once("disconnect", () => reject(new Error("the server has closed the connection")));
    });
    online.catch(() => {});
    await Promise.race([xmpp.open({ domain } as Parameters<Client["open"]>[0]), online]);
    await online;
  };
  try {
    signal.throwIfAborted();
    await Promise.race([open(), over]);
  } catch (error) {
    destroyUnlessOpen(xmpp);
    throw error;
  } finally {
    end.abort();
  }
}

/** The password from the environment, or from a person, unseen. */
async function askPassword(account: string, signal: AbortSignal): Promise<string> {
  const given = process.env["XMPP_PASSWORD"];
  if (given) return given;
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new Failure(
      EXIT.usage,
      `there is no password for ${account}`,
      "Set XMPP_PASSWORD: there is no terminal to ask on.",
    );
  }
  const { default: prompt } = await import("@inquirer/password");
  const nothing = new Failure(EXIT.usage, "no password was given");
  // Ctrl-D closes the prompt, which says nothing then: there is nothing left to wait for.
  let onEmpty = () => {};
  const closed = new Promise<never>((_, reject) => {
    onEmpty = () => reject(nothing);
    process.once("beforeExit", onEmpty);
  });
  const message = `Password of ${account}`;
  const validate = (text: string) => text !== "" || "Type the password, or Ctrl-C.";
  try {
    const typed = prompt(
      { message, mask: false, validate },
      { output: process.stderr, signal, clearPromptOnDone: true },
    );
    return await Promise.race([typed, closed]);
  } catch (error) {
    if (error instanceof Error && error.name === "ExitPromptError") throw new Failure(EXIT.interrupted, "");
    throw error;
  } finally {
    process.removeListener("beforeExit", onEmpty);
  }
}

/** That of Node.js, from 22 on, does not tell why there is no connection. */
async function provideWebSocket(service: string): Promise<void> {
  if (!/^wss?:/i.test(service)) return;
  const { WebSocket } = await import("ws");
  Object.assign(globalThis, { WebSocket });
}

interface SocketLike {
  readonly socket?: SocketLike | null | undefined;
  destroy?(): void;
  terminate?(): void;
}

/** A stream that is open can be closed in an orderly way; all else is left at once. */
function destroyUnlessOpen(xmpp: Client): void {
  if (!["open", "online"].includes(xmpp.status)) destroy(xmpp.socket);
}

/** xmpp.js wraps the sockets of TLS and WebSocket. */
function destroy(socket: unknown): void {
  let at = socket as SocketLike | null | undefined;
  for (; at; at = at.socket) {
    at.destroy?.();
    at.terminate?.();
  }
}
