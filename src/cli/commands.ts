import type { DiscoInfo, Item, ServiceQuery } from "../index.js";
import { colors, errorColors } from "./colors.js";
import { EXIT, Failure, reasonOf } from "./exit-codes.js";
import { infoSections, itemSection, type Part, summary, summaryCells } from "./print.js";
import { progressBar } from "./progress.js";
import type { Session } from "./session.js";
import type { Target } from "./target.js";
import { columns, safe } from "./text.js";
import { keyOf, renderTree } from "./tree.js";

/** What an entity itself says now, and not what its hash stands for: that leaves out labels. */
function askInfo(session: Session, target: Target): Promise<DiscoInfo> {
  const { jid, node } = target;
  return session.asked(session.disco.queryInfo(jid, { ...session.query, node, requireFresh: true }), target);
}

/** `info`, `identities`, `features` */
export async function printInfo(session: Session, target: Target, parts: readonly Part[]): Promise<void> {
  const info = await askInfo(session, target);
  const json = info.toJSON();
  const chosen = Object.fromEntries(parts.map((part) => [part, json[part]]));
  await session.print(infoSections(info, parts), { ...target, ...chosen });
}

/** How many items are asked for at a time: servers refuse to pass on stanzas of more than some 250 kB. */
const PAGE_SIZE = 500;

async function allItems(session: Session, target: Target): Promise<Item[]> {
  const collect = async () => {
    const items: Item[] = [];
    using bar = progressBar();
    const pages = session.disco.iterItems(target.jid, {
      ...session.query,
      node: target.node,
      pageSize: PAGE_SIZE,
    });
    for await (const page of pages.pages()) {
      for (const item of page) items.push(item);
      const { length: done } = items;
      bar.update({ total: Math.max(pages.count ?? 0, done), done, found: done, failed: 0 });
    }
    return items;
  };
  return session.asked(collect(), target);
}

/** `items` */
export async function printItems(session: Session, target: Target): Promise<void> {
  const items = await allItems(session, target);
  await session.print(itemSection(items), { ...target, items });
}

/** `all` */
export async function printAll(session: Session, target: Target): Promise<void> {
  const [info, items] = await Promise.all([askInfo(session, target), allItems(session, target)]);
  await session.print([...infoSections(info, ["identities", "features", "forms"]), ...itemSection(items)], {
    ...target,
    ...info.toJSON(),
    items,
  });
}

/** `tree` */
export async function printTree(session: Session, target: Target, depth: number): Promise<void> {
  const { jid, node } = target;
  const found: {
    jid: string;
    node: string | undefined;
    text: string;
    items: readonly Item[];
    json: object;
  }[] = [];
  const names = new Map<string, string>();
  let failed = 0;
  {
    using bar = progressBar();
    const walk = session.disco.walk(jid, {
      ...session.query,
      node,
      depth,
      onProgress: ({ found: total, ...rest }) =>
        bar.update({ total, ...rest, found: rest.done - rest.failed }),
    });
    for await (const { jid, node, info, items = [], error, depth } of walk) {
      // Without the root there is no tree.
      if (depth === 0 && error !== undefined) await session.asked(Promise.reject(error), target);
      for (const item of items) if (item.name !== undefined) names.set(keyOf(item), item.name);
      if (error !== undefined) failed += 1;
      const name = names.get(keyOf({ jid, node }));
      const text =
        info === undefined
          ? `${name === undefined ? "" : `${safe(name)}  `}${colors.yellow(reasonOf(error))}`
          : summary(info);
      const json = {
        jid,
        node,
        depth,
        ...(info === undefined ? { error: reasonOf(error) } : { ...info.toJSON(), items }),
      };
      found.push({ jid, node, text, items, json });
    }
  }
  await session.print(
    renderTree(found),
    found.map(({ json }) => json),
  );
  if (failed > 0) tell(`${failed} of ${found.length} did not answer`);
}

/** `find` */
export async function find(
  session: Session,
  domain: string | undefined,
  wanted: ServiceQuery,
): Promise<void> {
  const where = domain ?? session.xmpp.jid?.domain ?? "";
  const target = { jid: where, node: undefined };
  const found: DiscoInfo[] = [];
  const failed: { readonly jid: string; readonly error: Error }[] = [];
  let done = 0;
  {
    using bar = progressBar();
    let total = 1;
    const update = () =>
      bar.update({ total: Math.max(total, done), done, found: found.length, failed: failed.length });
    // The same query as that of the search, which shares it.
    session.disco.queryItems(where, session.query).then(
      ({ items }) => {
        total += new Set(items.map(({ jid }) => jid)).size;
        update();
      },
      () => {},
    );
    for await (const { jid, info, error } of session.disco.queryDomain(where, session.query)) {
      done += 1;
      if (error !== undefined) {
        failed.push({ jid, error });
      } else if (fits(info, wanted)) found.push(info);
      update();
    }
  }
  // Where the domain does not answer, and nothing else does, there is no saying what fits.
  const failure = failed.find(({ jid }) => jid === where);
  if (failure !== undefined && failed.length === done)
    await session.asked(Promise.reject(failure.error), target);
  const services = found
    .map((info) => ({ jid: info.jid ?? "", info }))
    .sort((a, b) => (a.jid < b.jid ? -1 : 1));
  for (const { jid, error } of failed) tell(`${safe(jid)} was skipped: ${reasonOf(error)}`);
  if (services.length > 0 || session.options.json) {
    await session.print(
      columns(services.map(({ jid, info }) => [colors.bold(safe(jid)), ...summaryCells(info)])),
      {
        services: services.map(({ jid, info }) => ({ jid, ...info.toJSON() })),
        failed: failed.map(({ jid, error }) => ({ jid, error: reasonOf(error) })),
      },
    );
  }
  if (services.length > 0) return;
  const advice = `What there is: xmpp-disco tree ${where}`;
  throw new Failure(EXIT.nothing, `no service of ${safe(where)} fits`, advice);
}

function fits(info: DiscoInfo, { feature, category, type }: ServiceQuery): boolean {
  if (feature !== undefined && !info.has(feature)) return false;
  if (category === undefined && type === undefined) return true;
  return info.identities.some(
    (identity) =>
      (category === undefined || identity.category === category) &&
      (type === undefined || identity.type === type),
  );
}

/** Says something beside the output. */
export function tell(text: string): void {
  process.stderr.write(`${errorColors.yellow(text)}\n`);
}
