// A thousand bots with a hundred contacts each, in four processes that share a Redis.
import KeyvRedis from "@keyv/redis";
import { Keyv } from "keyv";
import { EntityCapsCache } from "xmpp-disco";
import { Random } from "../../test/support/random.ts";
import { assert, heap } from "../task.ts";
import { Meter, type Variant } from "./figures.ts";
import { KIND_EXPONENT, kindsByPopularity, Zipf } from "./kinds.ts";
import { type Peer, World } from "./world.ts";

export const PROCESSES = 4;
/** How many are in a process. */
export const BOTS = 250;
export const CONTACTS = 100;
/** So many of a process start at once. */
export const WAVE = 5;
/** For how many entities a bot has room: tables take their memory at once. */
export const ROOM = 200;
/** How many bots without contacts are made to see what one costs. */
const EMPTY = 50;
/** How long the library waits for a store, in milliseconds. */
const PATIENCE = 1_000;

/** How the bots share what they learn: not at all, each over Redis, or by process and over Redis; undefined without capabilities. */
type Sharing = "none" | "redis" | "process" | undefined;

const variant =
  (sharing: Sharing): Variant =>
  async ({ seed, part, redis }) => {
    const kinds = kindsByPopularity(new Random(seed));
    // Each process has contacts of its own.
    const popularity = new Zipf(kinds.length, KIND_EXPONENT, new Random(seed * 1_000 + part));
    const keyv =
      sharing === "redis" || sharing === "process"
        ? new Keyv<string>(new KeyvRedis({ url: redis, disableOfflineQueue: true }))
        : undefined;
    // What it takes to connect is no look-up's.
    await keyv?.get("nothing");
    let [gets, found, late, sets] = [0, 0, 0, 0];
    const store = keyv && {
      async get(key: string) {
        gets += 1;
        const startedAt = performance.now();
        const value = await keyv.get(key);
        if (performance.now() - startedAt > PATIENCE) late += 1;
        else if (value !== undefined) found += 1;
        return value;
      },
      set(key: string, value: string) {
        sets += 1;
        return keyv.set(key, value);
      },
    };
    const ofProcess = new EntityCapsCache({ store });
    const fleet = Array.from({ length: BOTS }, (_, bot) =>
      Array.from({ length: CONTACTS }, (_, index): Peer => {
        const kind = kinds[popularity.next()];
        assert(kind !== undefined, "there is no kind");
        return { jid: `contact${(part * BOTS + bot) * CONTACTS + index}@${index % 7}.example/desk`, kind };
      }),
    );
    const kindsByJid = new Map(fleet.flat().map(({ jid, kind }) => [jid, kind]));
    const pairs = fleet.reduce((sum, peers) => sum + new Set(peers.map(({ kind }) => kind)).size, 0);
    const strays = fleet.flat().filter(({ kind }) => !kind.isShareable).length;

    const meter = new Meter();
    const before = heap();
    const bots: World[] = [];
    const logIn = async (bot: number) => {
      const peers = fleet[bot] ?? [];
      const cache = sharing === "process" ? ofProcess : new EntityCapsCache({ store });
      const world = await World.start({
        meter,
        jid: `bot${part * BOTS + bot}@fleet.example/bot`,
        kindOf: (jid) => kindsByJid.get(jid),
        caps: sharing === undefined ? undefined : { cache, maxJids: ROOM },
        infoCacheSize: ROOM,
      });
      bots.push(world);
      await world.arrive(peers);
      await world.ask(peers);
    };
    await meter.stage("all log in and ask", async () => {
      for (let from = 0; from < BOTS; from += WAVE) {
        await Promise.all(Array.from({ length: WAVE }, (_, offset) => logIn(from + offset)));
      }
    });
    const memory = heap() - before;
    await Promise.all(bots.map((world) => world.stop()));
    await keyv?.disconnect();
    return { stages: meter.stages, memory, notes: { pairs, strays, gets, found, late, sets } };
  };

/** What a bot costs that knows nobody yet, as it is and with room for fewer. */
const empty: Variant = async () => {
  const meter = new Meter();
  const all: World[][] = [];
  const each = async (maxJids?: number) => {
    const before = heap();
    const worlds: World[] = [];
    for (let bot = 0; bot < EMPTY; bot += 1) {
      worlds.push(
        await World.start({
          meter,
          jid: `bot${bot}@fleet.example/bot`,
          kindOf: () => undefined,
          caps: maxJids === undefined ? {} : { maxJids },
          infoCacheSize: maxJids,
        }),
      );
    }
    // Until the end, or what one leaves would be taken off the next.
    all.push(worlds);
    return (heap() - before) / EMPTY;
  };
  // What is compiled once is no bot's.
  await each();
  const notes = { unbounded: await each(), bounded: await each(ROOM) };
  await Promise.all(all.flat().map((world) => world.stop()));
  return { stages: [], notes };
};

export const variants: Readonly<Record<string, Variant>> = {
  caps: variant("redis"),
  none: variant(undefined),
  alone: variant("none"),
  process: variant("process"),
  empty,
};
