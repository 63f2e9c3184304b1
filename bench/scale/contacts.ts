// A user with a thousand contacts: logs in, wants to know of all what they can do, sees an update, logs in again.
import { EntityCapsCache } from "xmpp-disco";
import { Random } from "../../test/support/random.ts";
import { assert, heap } from "../task.ts";
import { Meter, type Variant } from "./figures.ts";
import { KIND_EXPONENT, kindsByPopularity, updated, Zipf } from "./kinds.ts";
import { type Peer, World } from "./world.ts";

export const CONTACTS = 1_000;

const variant =
  (hasCaps: boolean): Variant =>
  async ({ seed }) => {
    const random = new Random(seed);
    const kinds = kindsByPopularity(random);
    const popularity = new Zipf(kinds.length, KIND_EXPONENT, random);
    const peers = new Map<string, Peer>();
    for (let index = 0; index < CONTACTS; index += 1) {
      const kind = kinds[popularity.next()];
      const jid = `contact${index}@${index % 7}.example/${random.below(1e9).toString(36)}`;
      assert(kind !== undefined, "there is no kind");
      peers.set(jid, { jid, kind });
    }
    const popular = kinds.find(({ isShareable }) => isShareable);
    assert(popular !== undefined, "there is no software with a hash");
    const next = updated(popular);
    assert(next.isShareable, "the update has no hash");
    const updating = [...peers.values()].filter(({ kind }) => kind === popular);
    const used = new Set([...peers.values()].map(({ kind }) => kind));
    const strays = [...peers.values()].filter(({ kind }) => !kind.isShareable).length;

    const meter = new Meter();
    const cache = hasCaps ? new EntityCapsCache() : undefined;
    const options = {
      meter,
      jid: "romeo@montague.example/orchard",
      kindOf: (jid: string) => peers.get(jid)?.kind,
      caps: cache === undefined ? undefined : { cache },
    };
    const before = heap();
    let world: World | undefined;
    const logIn = async () => {
      world = await World.start(options);
      await world.arrive([...peers.values()]);
    };
    const askAll = async () => world?.ask([...peers.values()]);
    await meter.stage("log-in", logIn);
    await meter.stage("all are asked", askAll);
    const memory = heap() - before;
    await meter.stage("an update", async () => {
      const now = updating.map(({ jid }) => ({ jid, kind: next }));
      for (const peer of now) peers.set(peer.jid, peer);
      // Who is updated goes, and comes again.
      await world?.leave(now);
      await world?.arrive(now);
      await world?.ask(now, true);
    });
    await world?.stop();
    await meter.stage("second log-in", logIn);
    await meter.stage("all are asked again", askAll);
    await world?.stop();
    return {
      stages: meter.stages,
      memory,
      notes: { kinds: used.size, updated: updating.length, strays },
    };
  };

export const variants: Readonly<Record<string, Variant>> = { caps: variant(true), none: variant(false) };
