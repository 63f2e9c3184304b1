import fc from "fast-check";
import type { CapsAlgorithm } from "../../../src/caps/algorithm.ts";
import type { Capability } from "../../../src/caps/announcements.ts";
import { DiscoInfo, EntityCapsCache, xep0115, xep0390 } from "../../../src/index.ts";
import { readElement } from "../markup.ts";
import { anyText, infoElement, vectors } from "../structures.ts";
import { BrokenLaw, holds, same, type Target } from "../target.ts";
import { canonical } from "./info.ts";

const honest = new DiscoInfo({
  identities: [{ category: "client", type: "pc", name: "Exodus 0.9.1" }],
  features: ["http://jabber.org/protocol/caps", "http://jabber.org/protocol/disco#info"],
});

function capabilityOf(caps: CapsAlgorithm, info: DiscoInfo): Capability | undefined {
  if (!caps.wellFormed(info)) return undefined;
  const algorithm = caps === xep0115 ? "sha-1" : "sha-256";
  const value = caps.hash(info, algorithm);
  const key = caps.key(value, algorithm);
  return key === undefined ? undefined : { caps, algorithm, value, key, node: "n" };
}

const json = fc.oneof(
  infoElement.map((element) => JSON.stringify(DiscoInfo.fromElement(element))),
  fc.json({ stringUnit: "binary" }),
  fc
    .record(
      {
        identities: fc.array(
          fc.record({ category: anyText, type: anyText, name: anyText }, { requiredKeys: [] }),
          { maxLength: 2 },
        ),
        features: fc.oneof(fc.array(anyText, { maxLength: 3 }), fc.jsonValue({ maxDepth: 1 })),
        forms: fc.oneof(
          fc.dictionary(
            anyText,
            fc.dictionary(anyText, fc.array(anyText, { maxLength: 2 }), { maxKeys: 2 }),
            { maxKeys: 2 },
          ),
          fc.jsonValue({ maxDepth: 3 }),
        ),
        lang: fc.oneof(anyText, fc.jsonValue({ maxDepth: 0 })),
        hash: fc.constantFrom("sha-1", "md5", "SHA-256", ""),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value)),
);

/** What stores hold. */
export const store: Target = {
  name: "store",
  about: "what a store of capabilities holds, as text and as values (EntityCapsCache)",
  kind: "text",
  share: 4,
  fresh: json,
  seeds: [
    ...vectors("caps115-edge.json", /^<query/)
      .flatMap((text) => readElement(text) ?? [])
      .map((element) => JSON.stringify(DiscoInfo.fromElement(element))),
    JSON.stringify(honest),
    "",
    "null",
    "[]",
    "{}",
  ],
  async run(input) {
    const values: unknown[] = [input];
    let wanted: DiscoInfo | undefined;
    try {
      const value: unknown = JSON.parse(input);
      values.push(value);
      wanted = DiscoInfo.fromJSON(value);
    } catch {
      // It is no JSON, or none of an information.
    }
    let [hits, misses] = [0, 0];
    for (const caps of [xep0115, xep0390]) {
      for (const told of wanted === undefined ? [honest] : [honest, wanted]) {
        const capability = capabilityOf(caps, told);
        if (capability === undefined) continue;
        const expected = canonical(caps.vouched(told, capability.value, capability.algorithm));
        for (const value of values) {
          const known = await ask(
            new EntityCapsCache({ store: { get: () => value, set: () => {} } }),
            capability,
          );
          if (known === undefined) {
            misses += 1;
            continue;
          }
          hits += 1;
          same(canonical(known), expected, "what a store holds is believed only where its hash says so");
        }
        // It is believed, and wrong all the same: it must not break anything.
        await ask(new EntityCapsCache({ trusted: { get: () => values.at(-1) } }), capability);
      }
    }
    return `${wanted === undefined ? "nothing" : "an information"}, ${hits} hits, ${misses} misses`;
  },
};

/** Asks for what a hash stands for, and again: where there was nothing, nothing may be kept. */
async function ask(cache: EntityCapsCache, capability: Capability): Promise<DiscoInfo | undefined> {
  let known: DiscoInfo | undefined;
  try {
    known = await cache.get(capability);
  } catch (error) {
    throw new BrokenLaw("asking a store does not reject", String(error));
  }
  same(
    canonical(cache.peek(capability)),
    canonical(known),
    "memory has what the store had, and nothing else",
  );
  holds(cache.size === (known === undefined ? 0 : 1), "a wrong value is a miss");
  return known;
}
