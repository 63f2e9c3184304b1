import xml, { type Element } from "@xmpp/xml";
import { afterAll, beforeAll, expect, onTestFinished, vi } from "vitest";
import {
  DiscoClient,
  type DiscoClientOptions,
  DiscoInfo,
  type DiscoItems,
  type DiscoStats,
  type Entity,
  NS_DISCO_INFO,
  NS_DISCO_ITEMS,
  type QueryOptions,
  withServices,
} from "../../../src/index.ts";
import { MemoryServer, type MemoryServerOptions, memoryClient, type Script } from "../../support/memory.ts";

/** Whom the tests ask, as a rule. */
export const PEER = "plays.shakespeare.example";

/** A client whose stream ends in memory, and whoever is at the other end of it. */
export type Stage = ReturnType<typeof stage>;

/** A client that is not connected yet; it is stopped when the test ends, and must not have emitted `error` by then. */
export function stage(options: MemoryServerOptions & { disco?: Partial<DiscoClientOptions> } = {}) {
  const server = new MemoryServer(options);
  const xmpp = withServices(memoryClient(server));
  const errors: unknown[] = [];
  xmpp.on("error", (error) => errors.push(error));
  const disco = xmpp.summon(DiscoClient, options.disco);
  onTestFinished(async () => {
    await xmpp.stop();
    expect(errors).toEqual([]);
  });
  return { server, xmpp, disco };
}

/** A client on line. */
export async function connect(options: Parameters<typeof stage>[0] = {}): Promise<Stage> {
  const result = stage(options);
  await result.xmpp.start();
  if (options.streamManagement) await until(() => isResumable(result));
  return result;
}

/** Whether stream management is up, so that a cut is no loss. */
export function isResumable({ xmpp }: Stage): boolean {
  return Boolean((xmpp as Entity).streamManagement?.id);
}

/** Resolves when the client is on line again after a cut. */
export function backOnline({ xmpp }: Stage): Promise<void> {
  return until(() => xmpp.status === "online");
}

/** Lets a stanza travel one way. */
export const turn = () => new Promise<void>((resolve) => setTimeout(resolve));

/** Lets everything that is on its way arrive, and what follows from it. */
export async function quiet(turns = 4): Promise<void> {
  for (let i = 0; i < turns; i += 1) await turn();
}

/** Resolves when something has come about. */
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i += 1) {
    if (i === 500) throw new Error(`it does not come about: ${condition}`);
    await turn();
  }
}

/** Sets the clock that TTLs and the age of a request are told by; what it returns moves it on. */
export function stoppedClock(): (milliseconds: number) => void {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  return (milliseconds) => void vi.advanceTimersByTime(milliseconds);
}

/** Stops the clock and all timers; what it returns moves them on. */
export function stoppedTimers(): (milliseconds: number) => Promise<void> {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  return async (milliseconds) => void (await vi.advanceTimersByTimeAsync(milliseconds));
}

/** The requests that are at the server when nothing is under way any more: so many, or the test has failed. */
export async function requestsAt(server: MemoryServer, count: number): Promise<Element[]> {
  await quiet();
  const requests = server.requests();
  expect(requests).toHaveLength(count);
  return requests;
}

/** The one request that is at the server. */
export async function theRequestAt(server: MemoryServer): Promise<Element> {
  const [request] = await requestsAt(server, 1);
  return present(request);
}

/** What has to be there. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("it is not there");
  return value;
}

/** What becomes of a question: it never rejects, so that it can be looked at whenever the test likes. */
export class Asked<T> {
  state: "open" | "answered" | "failed" = "open";
  value: T | undefined;
  error: unknown;
  readonly end: Promise<void>;

  constructor(promise: Promise<T>) {
    this.end = promise.then(
      (value) => {
        this.state = "answered";
        this.value = value;
      },
      (error: unknown) => {
        this.state = "failed";
        this.error = error;
      },
    );
  }
}

/** Follows a question. */
export function ask<T>(promise: Promise<T>): Asked<T> {
  return new Asked(promise);
}

/** What several questions came to. */
export async function ends(asked: readonly Asked<unknown>[]): Promise<void> {
  await Promise.all(asked.map((question) => question.end));
}

export type Answer = DiscoInfo | DiscoItems;

/** The two kinds of question, for tests that hold for both. */
export const KINDS = [
  ["queryInfo", { event: "info", xmlns: NS_DISCO_INFO, size: "infoCacheSize", ttl: "infoTtl" }],
  ["queryItems", { event: "items", xmlns: NS_DISCO_ITEMS, size: "itemsCacheSize", ttl: "itemsTtl" }],
] as const;

export type Query = (typeof KINDS)[number][0];

/** Asks a question of either kind. */
export function query(
  { disco }: Pick<Stage, "disco">,
  name: Query,
  jid: string = PEER,
  options?: QueryOptions,
): Asked<Answer> {
  return ask<Answer>(disco[name](jid, options));
}

/** The answer to a request, of either kind, with a mark to know it by. */
export function reply(request: Element | undefined, mark: string): Element {
  const { id, to, from } = present(request).attrs as Record<string, string | undefined>;
  const { xmlns, node } = present(request).getChild("query")?.attrs ?? {};
  const content =
    xmlns === NS_DISCO_INFO
      ? xml("feature", { var: mark })
      : xml("item", { jid: "item.example", node: mark });
  return xml("iq", { type: "result", id, from: to, to: from }, xml("query", { xmlns, node }, content));
}

/** The refusal of a request. */
export function refusal(request: Element | undefined, condition: string, type = "cancel"): Element {
  const { id, to } = present(request).attrs;
  const error = xml("error", { type }, xml(condition, "urn:ietf:params:xml:ns:xmpp-stanzas"));
  return xml("iq", { type: "error", id, from: to }, error);
}

/** The mark of an answer. */
export function markOf(answer: Answer | undefined): string | undefined {
  return answer instanceof DiscoInfo ? answer.features[0] : answer?.items[0]?.node;
}

/** A server that answers at once, and counts: the first answer has the mark "1". */
export function counting(): Script {
  let count = 0;
  return (stanza) => {
    if (!stanza.is("iq") || stanza.attrs.type !== "get") return undefined;
    count += 1;
    return reply(stanza, String(count));
  };
}

/** Information from elsewhere, with a mark. */
export function infoOf(mark: string): DiscoInfo {
  return new DiscoInfo({ features: [mark] });
}

/** What changed in the statistics while something happened; what did not is left out. */
export async function changeOf(
  disco: DiscoClient,
  happening: () => Promise<unknown>,
): Promise<Partial<DiscoStats>> {
  const before = disco.stats;
  await happening();
  const after = disco.stats;
  const names = Object.keys(after) as (keyof DiscoStats)[];
  return Object.fromEntries(
    names.filter((name) => after[name] !== before[name]).map((name) => [name, after[name] - before[name]]),
  );
}

/** Fails a file of tests in which a rejection went unhandled, or an exception uncaught. */
export function expectNoStrays(): void {
  const strays: unknown[] = [];
  const onStray = (reason: unknown) => void strays.push(reason);
  beforeAll(() => {
    process.on("unhandledRejection", onStray);
    process.on("uncaughtExceptionMonitor", onStray);
  });
  afterAll(async () => {
    await quiet();
    process.off("unhandledRejection", onStray);
    process.off("uncaughtExceptionMonitor", onStray);
    expect(strays).toEqual([]);
  });
}
