import type { Element } from "@xmpp/xml";
import fc from "fast-check";
import { expect, test } from "vitest";
import { DataForm, DiscoInfo, EntityCapsCache, IqService } from "../../../src/index.ts";
import { refusal } from "../disco/support.ts";
import {
  type Asked,
  ask,
  c115,
  c390,
  expectNoStrays,
  nameOf,
  presence,
  presenceOf,
  quiet,
  resultOf,
  software,
  stage,
  turn,
} from "./support.ts";

expectNoStrays();

const SOFTWARE = [
  software("A"),
  software("B"),
  // Verifies, and is not to be shared.
  new DiscoInfo({
    ...software("C"),
    forms: [new DataForm({ formType: "urn:example:form", fields: { a: "b" } })],
  }),
] as const;

const LIE = software("Lie");

/** How an entity behaves when it is asked. */
const MANNERS = ["true", "true", "true", "lie", "refuse", "unknown node", "silent"] as const;

/** What happens to one of a few entities. */
interface Step {
  readonly kind: "come" | "leave" | "fail" | "ask" | "ask" | "askFresh" | "pass";
  readonly who: number;
  readonly software: number;
  readonly hashes: number;
  readonly manner: (typeof MANNERS)[number];
  readonly delay: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(
    "come",
    "come",
    "come",
    "leave",
    "fail",
    "ask",
    "ask",
    "ask",
    "ask",
    "askFresh",
    "pass",
  ),
  who: fc.nat(5),
  software: fc.nat(SOFTWARE.length - 1),
  hashes: fc.nat(3),
  manner: fc.constantFrom(...MANNERS),
  delay: fc.nat(3),
});

const jidOf = (i: number) => `contact${i}@capulet.example/x`;

/** The `<c/>` that an entity sends. */
function hashesOf(info: DiscoInfo, which: number): Element[] {
  const both = [c390(info), c115(info)];
  return which === 0 ? both : which === 1 ? both.slice(1) : which === 2 ? both.slice(0, 1) : [];
}

test.each([
  ["one at a time for each hash", 60_000],
  ["with others beside those that stall", 2],
])(
  "whoever announces, answers, lies, fails, stalls or leaves: all who ask are told (%s)",
  async (_what, hedgeDelay) => {
    const on = await stage({ hedgeDelay, lookupConcurrency: 2 });
    on.xmpp.summon(IqService).responseTimeout = 15;
    const open = countOpen();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 30 }), async (steps) => {
        const asked: Asked<DiscoInfo>[] = [];
        const mayTell = new Map<string, Set<string | undefined>>();
        open.reset();
        for (const { kind, who, software: kindOf, hashes, manner, delay } of steps) {
          const jid = jidOf(who);
          if (kind === "come") {
            const info = SOFTWARE[kindOf] ?? LIE;
            const names = mayTell.get(jid) ?? new Set();
            mayTell.set(jid, names.add(nameOf(info)).add("Lie"));
            on.answers(jid, (request, node) => {
              if (manner === "silent") return undefined;
              const answer =
                manner === "refuse" || (manner === "unknown node" && node !== undefined)
                  ? refusal(request, manner === "refuse" ? "forbidden" : "item-not-found")
                  : resultOf(request, manner === "lie" ? LIE : info);
              setTimeout(() => on.server.send(answer), delay);
              return undefined;
            });
            on.server.send(presence(jid, ...hashesOf(info, hashes)));
          } else if (kind === "leave") on.server.send(presenceOf("unavailable", jid));
          else if (kind === "fail") on.server.send(presenceOf("error", jid));
          else if (kind === "ask") asked.push(ask(on.disco.queryInfo(jid)));
          else if (kind === "askFresh") asked.push(ask(on.disco.queryInfo(jid, { noCache: true })));
          if (delay === 0 || kind === "pass") await turn();
        }
        await Promise.all(asked.map(({ end }) => end));
        for (const { value } of asked) {
          if (value?.jid !== undefined) expect([...(mayTell.get(value.jid) ?? [])]).toContain(nameOf(value));
        }
        // What is under way for nobody comes to its end, too.
        for (let i = 0; open.size() > 0 && i < 100; i += 1) await turn();
        expect(open.size()).toBe(0);
        if (hedgeDelay === 60_000) expect(open.most()).toBeLessThanOrEqual(1);
        for (let i = 0; i < 6; i += 1) {
          on.server.send(presenceOf("unavailable", jidOf(i)));
          on.answers(jidOf(i), undefined);
        }
        await quiet(2);
        forget();
      }),
      { numRuns: 25 },
    );

    /** Has the next run know nothing. */
    function forget(): void {
      const empty = new EntityCapsCache();
      Object.assign(on.caps, { cache: empty });
      on.disco.flushCache();
    }

    /** Counts the requests that are under way for each hash that can be shared. */
    function countOpen() {
      const counts = new Map<string, number>();
      let all = 0;
      let most = 0;
      const { fetchInfo } = on.disco;
      const isShareable = (node: string) =>
        SOFTWARE.slice(0, 2).some((info) => [...hashesOf(info, 0)].some((c) => node.includes(hashOf(c))));
      on.disco.fetchInfo = (jid, node, signal) => {
        const key = node !== undefined && isShareable(node) ? node : "";
        const change = (by: number) => {
          all += by;
          if (key === "") return;
          counts.set(key, (counts.get(key) ?? 0) + by);
          most = Math.max(most, counts.get(key) ?? 0);
        };
        change(1);
        let isOpen = true;
        const end = () => {
          if (isOpen) change(-1);
          isOpen = false;
        };
        signal.addEventListener("abort", end);
        return fetchInfo.call(on.disco, jid, node, signal).finally(end);
      };
      return {
        size: () => all,
        most: () => most,
        reset: () => {
          most = 0;
        },
      };
    }
  },
);

/** The hash that a `<c/>` has. */
const hashOf = (c: Element): string => c.attrs.ver ?? c.getChildText("hash");
