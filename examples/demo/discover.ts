import { type DiscoClient, type DiscoInfo, type Item, XMPPError } from "xmpp-disco";

/** What was found at an entity or node, and below it. */
export interface Found {
  readonly item: Item;
  readonly info: DiscoInfo | XMPPError;
  readonly below: readonly Found[];
  /** How many items there were beyond those that were looked at. */
  readonly more: number;
}

/** How far down the demo looks, and how many items of one entity it looks at. */
const DEPTH = 2;
const WIDTH = 12;

/** Asks an entity what it is, then what it has, and so on; who does not answer stops nobody else. */
export async function discover(disco: DiscoClient, item: Item, depth = 0): Promise<Found> {
  const { jid, node } = item;
  const [info, items] = await Promise.all([
    disco.queryInfo(jid, { node, timeout: 5_000 }).catch(failure),
    depth === DEPTH
      ? []
      : disco.queryItems(jid, { node, timeout: 5_000 }).then(
          (all) => all.items,
          () => [],
        ),
  ]);
  const below = await Promise.all(items.slice(0, WIDTH).map((child) => discover(disco, child, depth + 1)));
  return { item, info, below, more: Math.max(0, items.length - WIDTH) };
}

function failure(error: unknown): XMPPError {
  if (error instanceof XMPPError) return error;
  throw error;
}
