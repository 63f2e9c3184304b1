import xml, { type Element } from "@xmpp/xml";
import envPaths from "env-paths";
import {
  DiscoClient,
  DiscoServer,
  EntityCapsCache,
  EntityCapsService,
  type QueryOptions,
  SessionLost,
} from "../index.js";
import { EXIT, Failure, queryFailure, reasonOf } from "./exit-codes.js";
import { FileStore } from "./file-store.js";
import { type Login, prepareLogin } from "./login.js";
import { write } from "./output.js";
import type { Target } from "./target.js";
import { safe, toJson } from "./text.js";

/** The options that all commands take. */
export interface GlobalOptions {
  readonly jid?: string;
  readonly anonymous?: string;
  readonly service?: string;
  /** In seconds. */
  readonly timeout: number;
  readonly json?: true;
  readonly cache: boolean;
}

/** What a command works with: a client that has logged in. */
export class Session {
  readonly xmpp: Login["xmpp"];
  readonly disco: DiscoClient;
  readonly options: GlobalOptions;
  /** Ends whatever the command does. */
  readonly signal: AbortSignal;
  /** What the server said of itself at the login. */
  streamFeatures: Element | undefined;

  constructor({ xmpp }: Login, options: GlobalOptions, signal: AbortSignal, store: FileStore | undefined) {
    this.xmpp = xmpp;
    this.options = options;
    this.signal = signal;
    const server = xmpp.summon(DiscoServer);
    // "console: A user interface of a text terminal" https://xmpp.org/registrar/disco-categories.html#client
    server.registerIdentity("client", "console", "xmpp-disco");
    server.unregisterIdentity("client", "bot");
    xmpp.summon(EntityCapsService, { cache: new EntityCapsCache({ store }) });
    this.disco = xmpp.summon(DiscoClient);
    xmpp.on("element", (element: Element) => {
      if (element.is("features", "http://etherx.jabber.org/streams")) this.streamFeatures = element;
    });
  }

  /** How all queries are made. */
  get query(): QueryOptions & { readonly timeout: number } {
    return { signal: this.signal, timeout: this.options.timeout * 1_000 };
  }

  /** Prints lines for people, or JSON for programs. */
  async print(lines: readonly string[], json: unknown): Promise<void> {
    await write(`${this.options.json ? toJson(json, 2) : lines.join("\n").trimEnd()}\n`);
  }

  /** Rejects with what a person is told. */
  async asked<T>(answer: Promise<T>, { jid, node }: Target): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw queryFailure(error, node === undefined ? safe(jid) : `the node ${safe(node)} of ${safe(jid)}`);
    }
  }

  /**
   * Goes on line, so that the server tells of contacts.
   *
   * With a negative priority no message comes here that is meant for another client of the account, and none that was
   * kept while there was none (RFC 6121 §4.7.2.3).
   */
  async goOnline(): Promise<void> {
    await this.xmpp.send(xml("presence", {}, xml("priority", {}, "-1")));
  }
}

/** Logs in, has the work done and logs out, whatever happens. */
export async function withSession(
  options: GlobalOptions,
  signal: AbortSignal,
  work: (session: Session) => Promise<void>,
): Promise<void> {
  const { jid, anonymous, service, timeout } = options;
  const login = await prepareLogin({ jid, anonymous, service, timeout: timeout * 1_000 }, signal);
  const store = options.cache ? new FileStore(envPaths("xmpp-disco", { suffix: "" }).cache) : undefined;
  const session = new Session(login, options, signal, store);
  try {
    await login.start(signal);
    await work(session);
  } catch (error) {
    const isLost = error instanceof Failure ? error.exitCode === EXIT.lost : error instanceof SessionLost;
    if (!isLost) throw error;
    const reason = login.lastError === undefined ? "" : `: ${reasonOf(login.lastError)}`;
    throw new Failure(EXIT.lost, `the connection was lost${reason}`, "Try again.", error);
  } finally {
    await login.stop();
    await store?.settled();
  }
}
