// A room with fifty thousand occupants: joining, all are asked, a tenth goes and as many come.
import { Random } from "../../test/support/random.ts";
import { assert, heap } from "../task.ts";
import { Meter, type Variant } from "./figures.ts";
import { KIND_EXPONENT, kindsByPopularity, Zipf } from "./kinds.ts";
import { type Peer, World } from "./world.ts";

export const OCCUPANTS = 50_000;
export const CHURN = 5_000;

const MUC =
  '<x xmlns="http://jabber.org/protocol/muc#user"><item affiliation="none" role="participant"/></x>';

const variant =
  (caps: { readonly maxJids?: number } | undefined, infoCacheSize?: number): Variant =>
  async ({ seed }) => {
    const random = new Random(seed);
    const kinds = kindsByPopularity(random);
    const popularity = new Zipf(kinds.length, KIND_EXPONENT, random);
    const peers = new Map<string, Peer>();
    for (let index = 0; index < OCCUPANTS + CHURN; index += 1) {
      const kind = kinds[popularity.next()];
      const jid = `verona@rooms.example/nick-${index}`;
      assert(kind !== undefined, "there is no kind");
      peers.set(jid, { jid, kind });
    }
    const all = [...peers.values()];
    const [occupants, newcomers] = [all.slice(0, OCCUPANTS), all.slice(OCCUPANTS)];
    const used = new Set(all.map(({ kind }) => kind)).size;
    const strays = all.filter(({ kind }) => !kind.isShareable).length;

    const meter = new Meter();
    const before = heap();
    const world = await World.start({
      meter,
      jid: "romeo@montague.example/orchard",
      kindOf: (jid) => peers.get(jid)?.kind,
      payload: MUC,
      caps,
      infoCacheSize,
    });
    await meter.stage("joining", () => world.arrive(occupants));
    await meter.stage("all are asked", () => world.ask(occupants));
    const memory = heap() - before;
    await meter.stage("a tenth changes", async () => {
      await world.leave(occupants.filter((_, index) => index % (OCCUPANTS / CHURN) === 0));
      await world.arrive(newcomers);
      await world.ask(newcomers);
    });
    await world.stop();
    return { stages: meter.stages, memory, notes: { kinds: used, strays } };
  };

const SIZE = 60_000;

export const variants: Readonly<Record<string, Variant>> = {
  caps: variant({ maxJids: SIZE }),
  none: variant(undefined, SIZE),
  defaults: variant({}),
};
