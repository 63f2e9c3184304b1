import type { World } from "./worlds.ts";
import { askedClients, askedComponents } from "./worlds.ts";

/** The contenders, in the order of the table. */
export const CONTENDERS = ["xmpp-disco", "floor", "stanza", "slixmpp", "aioxmpp", "xmpp.js by hand"] as const;
export type Contender = (typeof CONTENDERS)[number];

/** What the row is to reach: so many times what another has, or a figure. */
export type Reach =
  | { readonly times: number; readonly of: Contender; readonly said: string }
  | { readonly value: number; readonly said: string };

/** One row of the table. */
export interface Row {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly isMoreBetter: boolean;
  readonly reach: Reach;
  /** How many stanzas may be sent for it. */
  readonly stanzas?: number;
  /** The file in contenders/, and what of it. */
  readonly module: string;
  readonly task: string;
  /** Why others do not take part. */
  readonly unable: Readonly<Partial<Record<Contender, string>>>;
  /** Whether each round needs a process of its own. */
  readonly isFresh?: boolean;
  /** What asks the contenders, where they do not do it all themselves. */
  readonly world?: () => Promise<World>;
}

const NO_CACHE = "keeps no answers: each call sends a request";
const NO_LIBRARY = "it asks nothing";
const NO_COMPONENTS = "has no components (XEP-0114)";

const NO_BUNDLE = {
  floor: "is nothing at all",
  stanza: "cannot be had without the rest of it",
  ...{ slixmpp: "Python", aioxmpp: "Python", "xmpp.js by hand": NO_LIBRARY },
};

export const ROWS: readonly Row[] = [
  {
    id: "cached-one",
    title: "cached queryInfo, one target, awaited in turn",
    ...{
      unit: "1/s",
      isMoreBetter: true,
      reach: { times: 1 / 3, of: "floor", said: "a third of the floor" },
    },
    ...{ module: "lookup", task: "cachedOne" },
    unable: { stanza: NO_CACHE, "xmpp.js by hand": NO_LIBRARY },
  },
  {
    id: "cached-many",
    title: "the same over 10,000 targets",
    ...{
      unit: "1/s",
      isMoreBetter: true,
      reach: { times: 1 / 3, of: "floor", said: "a third of the floor" },
    },
    ...{ module: "lookup", task: "cachedMany" },
    unable: { stanza: NO_CACHE, "xmpp.js by hand": NO_LIBRARY },
  },
  {
    id: "concurrent",
    title: "10,000 callers at once, one target, answered after 10 ms",
    ...{
      unit: "ms",
      isMoreBetter: false,
      reach: { times: 2, of: "floor", said: "1 stanza, twice the floor" },
    },
    ...{ stanzas: 1, module: "lookup", task: "concurrent" },
    unable: {
      slixmpp: "sends 10,000 requests, and times out: for each answer it looks through all that wait for one",
      "xmpp.js by hand": NO_LIBRARY,
    },
  },
  {
    id: "hash-115",
    title: "XEP-0115 hash of parsed info",
    ...{ unit: "1/s", isMoreBetter: true },
    reach: { times: 3 / 4, of: "floor", said: "three quarters of the floor" },
    ...{ module: "hashes", task: "hash115Of" },
    unable: { "xmpp.js by hand": "has no capabilities" },
  },
  {
    id: "hash-390",
    title: "XEP-0390 SHA-256 of parsed info",
    ...{ unit: "1/s", isMoreBetter: true },
    reach: { times: 3 / 4, of: "floor", said: "three quarters of the floor" },
    ...{ module: "hashes", task: "hash390Of" },
    unable: {
      ...{ stanza: "does not know XEP-0390", slixmpp: "does not know XEP-0390" },
      "xmpp.js by hand": "has no capabilities",
    },
  },
  {
    id: "verified",
    title: "XML text to verified info",
    ...{ unit: "1/s", isMoreBetter: true, reach: { times: 0.6, of: "floor", said: "60 % of the floor" } },
    ...{ module: "hashes", task: "verified" },
    unable: { "xmpp.js by hand": "verifies nothing" },
  },
  {
    id: "presences",
    title: "5,000 presences, 50 hashes, then all asked: CPU beyond parsing",
    ...{ unit: "ms", isMoreBetter: false },
    reach: { times: 2, of: "floor", said: "50 stanzas, twice the floor" },
    ...{ stanzas: 50, module: "presences", task: "presences" },
    unable: {
      stanza: "tells what presences announce, and looks up no hash",
      "xmpp.js by hand": "has no capabilities",
    },
  },
  {
    id: "client",
    title: "answering disco#info with 30 features as a client: CPU an answer",
    ...{ unit: "µs", isMoreBetter: false },
    reach: { times: 1, of: "xmpp.js by hand", said: "below the hand-written handler" },
    ...{ module: "answering", task: "asClient", unable: {}, world: askedClients },
  },
  {
    id: "component",
    title: "answering as a component with 10,000 JIDs, no server between",
    ...{ unit: "1/s", isMoreBetter: true },
    reach: { times: 1, of: "xmpp.js by hand", said: "above the hand-written handler" },
    ...{ module: "answering", task: "asComponent", world: askedComponents },
    unable: { stanza: NO_COMPONENTS, aioxmpp: NO_COMPONENTS },
  },
  {
    id: "memory-different",
    title: "memory a cached entry, all different",
    ...{ unit: "bytes", isMoreBetter: false, reach: { value: 1_300, said: "1.3 kB" }, isFresh: true },
    ...{ module: "memory", task: "allDifferent" },
    unable: { "xmpp.js by hand": NO_LIBRARY },
  },
  {
    id: "memory-shared",
    title: "memory a cached entry where JIDs share the info",
    ...{ unit: "bytes", isMoreBetter: false, reach: { value: 400, said: "0.4 kB" }, isFresh: true },
    ...{ module: "memory", task: "shared" },
    unable: {
      stanza: "shares nothing: see the row above",
      slixmpp: "its look-ups by JID share nothing: see the row above",
      "xmpp.js by hand": NO_LIBRARY,
    },
  },
  {
    id: "import",
    title: "import of the library, on top of @xmpp/client; of a peer, all of it",
    ...{ unit: "ms", isMoreBetter: false, reach: { value: 15, said: "15 ms" } },
    ...{ module: "startup", task: "imports", unable: { "xmpp.js by hand": "is what it comes on top of" } },
  },
  {
    id: "size-caps",
    title: "size with caps, minified and compressed, without xmpp.js",
    ...{ unit: "bytes", isMoreBetter: false, reach: { value: 15_000, said: "15 kB" } },
    ...{ module: "startup", task: "sizes" },
    unable: NO_BUNDLE,
  },
  {
    id: "size-client",
    title: "size of DiscoClient alone, likewise",
    ...{ unit: "bytes", isMoreBetter: false, reach: { value: 8_000, said: "8 kB" } },
    ...{ module: "startup", task: "clientSize" },
    unable: NO_BUNDLE,
  },
];
