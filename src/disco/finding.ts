import { IqError } from "../iq/errors.js";
import { type Address, show, toJid } from "../xml/jid.js";
import { toOptionalText } from "../xml/text.js";
import type { DiscoClient } from "./client.js";
import { crawl, type Task } from "./crawl.js";
import { type DiscoInfo, NO_SUCH_THING } from "./info.js";
import type { DiscoItems, Item } from "./items.js";
import { checkQuery, type QueryOptions } from "./lookup.js";

/** How many entities are asked at once. */
interface Concurrent {
  /** How many are asked at once. @default 10 */
  readonly concurrency?: number | undefined;
}

/** How a domain is looked through. */
export interface DomainOptions extends Concurrent, Omit<QueryOptions, "node" | "local"> {}

/**
 * What {@link DiscoClient.queryDomain} yields: what a service is, or why it does not say. A domain whose list of services
 * failed is yielded for that, too.
 */
export type DomainResult =
  | { readonly jid: string; readonly info: DiscoInfo; readonly error?: undefined }
  | { readonly jid: string; readonly info?: undefined; readonly error: Error };

/** What a service has to have; what is left out does not matter. */
export interface ServiceQuery {
  /** A feature that it tells. */
  readonly feature?: string | undefined;
  /** The category of one of its identities, such as `conference`. */
  readonly category?: string | undefined;
  /** The type of the same identity, such as `text`. */
  readonly type?: string | undefined;
}

/** Where services are looked for. */
export interface FindOptions extends DomainOptions {
  /** One's own where it is left out. */
  readonly domain?: Address | undefined;
  /** Told of each entity that did not answer. */
  readonly onError?: ((jid: string, error: Error) => void) | undefined;
}

/** How far {@link DiscoClient.walk} has come. */
export interface WalkProgress {
  /** How many entities and nodes are known. */
  readonly found: number;
  /** How many of them have been asked. */
  readonly done: number;
  /** How many of those failed. */
  readonly failed: number;
}

/** How a tree is walked. */
export interface WalkOptions extends Concurrent, Omit<QueryOptions, "local"> {
  /** How far down; 0 is the root alone. @default 3 */
  readonly depth?: number | undefined;
  /** Told whenever an entity or node has been asked. */
  readonly onProgress?: ((progress: WalkProgress) => void) | undefined;
}

/** What {@link DiscoClient.walk} yields for each entity and node. */
export type WalkResult = {
  readonly jid: string;
  readonly node?: string | undefined;
  /** How far below the root, whose depth is 0. */
  readonly depth: number;
} & (
  | {
      readonly info: DiscoInfo;
      /** Empty where the walk goes no deeper. */
      readonly items: readonly Item[];
      readonly error?: undefined;
    }
  | { readonly info?: undefined; readonly items?: undefined; readonly error: Error }
);

/** See {@link DiscoClient.queryDomain}; `account` is one's own bare JID, where it lives on that domain. */
export function queryDomain(
  disco: DiscoClient,
  domain: string,
  account: string | undefined,
  options: DomainOptions,
): AsyncGenerator<DomainResult, void, undefined> {
  const { concurrency, ...query } = options;
  checkQuery(query);
  const seen = new Set<string>();
  const ask = (jid: string): Task<DomainResult> => {
    seen.add(jid);
    return () =>
      disco.queryInfo(jid, query).then(
        (info) => ({ jid, info }),
        (error: Error) => ({ jid, error }),
      );
  };
  const list: Task<DomainResult> = async (add) => {
    try {
      const { items } = await disco.queryItems(domain, query);
      // Items of the same JID are its nodes: no other services.
      for (const { jid } of items) if (!seen.has(jid)) add(ask(jid));
      return undefined;
    } catch (error) {
      // A server without disco#items has no services; what else went wrong is to be known.
      if (error instanceof IqError && NO_SUCH_THING.has(error.condition)) return undefined;
      return { jid: domain, error: error as Error };
    }
  };
  const first = [ask(domain), list];
  if (account !== undefined && account !== domain) first.push(ask(account));
  return crawl(first, toConcurrency(concurrency), options.signal);
}

/** See {@link DiscoClient.findServices}; ends when `isEnough`. */
export async function findServices(
  results: AsyncIterable<DomainResult>,
  query: ServiceQuery,
  onError: FindOptions["onError"],
  isEnough: (found: number) => boolean,
): Promise<DiscoInfo[]> {
  const found: DiscoInfo[] = [];
  for await (const { jid, info, error } of results) {
    if (error !== undefined) onError?.(jid, error);
    else if (matches(info, query)) found.push(info);
    if (isEnough(found.length)) break;
  }
  return found;
}

/** The query, checked. @throws TypeError when it asks for nothing */
export function toServiceQuery(query: ServiceQuery): ServiceQuery {
  const { feature, category, type } = query ?? {};
  for (const [name, value] of Object.entries({ feature, category, type })) {
    if (value !== undefined && typeof value !== "string")
      throw new TypeError(`${name} is no string: ${show(value)}`);
  }
  if (feature === undefined && category === undefined && type === undefined) {
    throw new TypeError("a service is looked for by feature, category or type: none is given");
  }
  return query;
}

function matches(info: DiscoInfo, { feature, category, type }: ServiceQuery): boolean {
  if (feature !== undefined && !info.has(feature)) return false;
  if (category === undefined && type === undefined) return true;
  return info.identities.some(
    (identity) =>
      (category === undefined || identity.category === category) &&
      (type === undefined || identity.type === type),
  );
}

/** See {@link DiscoClient.walk}. */
export function walk(
  disco: DiscoClient,
  address: Address,
  options: WalkOptions,
): AsyncGenerator<WalkResult, void, undefined> {
  const { depth: deepest = 3, concurrency, onProgress, node, ...query } = options;
  checkQuery(query);
  if (typeof deepest !== "number" || !(deepest >= 0)) {
    throw new RangeError(`depth is a number from 0 on, not ${show(deepest)}`);
  }
  const seen = new Set<string>();
  let done = 0;
  let failed = 0;
  const visit = (jid: string, node: string | undefined, depth: number): Task<WalkResult> | undefined => {
    const key = node === undefined ? jid : `${jid}\0${node}`;
    if (seen.has(key)) return undefined;
    seen.add(key);
    return async (add) => {
      const result = await look(disco, jid, node, depth < deepest, query);
      done += 1;
      if (result.error !== undefined) failed += 1;
      for (const item of result.items ?? []) {
        const task = visit(item.jid, item.node, depth + 1);
        if (task !== undefined) add(task);
      }
      onProgress?.({ found: seen.size, done, failed });
      return { jid, ...(node === undefined ? {} : { node }), depth, ...result };
    };
  };
  const root = visit(toJid(address), toOptionalText(node, "node"), 0);
  return crawl(root === undefined ? [] : [root], toConcurrency(concurrency), options.signal);
}

type Look =
  | { info: DiscoInfo; items: readonly Item[]; error?: undefined }
  | { error: Error; items?: undefined };

/** One request after the other, so that no more are under way at once than was said. */
async function look(
  disco: DiscoClient,
  jid: string,
  node: string | undefined,
  withItems: boolean,
  query: QueryOptions,
): Promise<Look> {
  try {
    const info = await disco.queryInfo(jid, { ...query, node });
    const items = withItems ? await disco.queryItems(jid, { ...query, node }).catch(noItems) : undefined;
    return { info, items: items?.items ?? [] };
  } catch (error) {
    return { error: error as Error };
  }
}

/** Many know disco#info and refuse disco#items: they have none. */
function noItems(error: unknown): DiscoItems | undefined {
  if (error instanceof IqError && NO_SUCH_THING.has(error.condition)) return undefined;
  throw error;
}

function toConcurrency(value = 10): number {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`concurrency is a whole number from 1 on, not ${show(value)}`);
  }
  return value;
}
