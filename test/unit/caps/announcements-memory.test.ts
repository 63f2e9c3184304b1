import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { Announcements } from "../../../src/caps/announcements.ts";
import { NS_CAPS, xep0115, xep0390 } from "../../../src/index.ts";
import { parse } from "../../support/xml.ts";
import { present } from "./support.ts";

/** Somebody, by number. */
const jidOf = (i: number) => `contact${i}@capulet.example/x`;

describe("presences that were read", () => {
  test("leave nothing of the stanzas that they came in", () => {
    const known = new Announcements([xep0390, xep0115], 1_000);
    const status = "so long ".repeat(4_096);
    const before = usedHeap();
    for (let i = 0; i < 1_000; i += 1) {
      const stanza = parse(
        `<presence from="${jidOf(i)}"><c xmlns="${NS_CAPS}" hash="sha-1" node="https://any.example" ver="ver-of-${i}"/><status>${status}</status></presence>`,
      );
      known.set(stanza.attrs.from, present(known.read(stanza, () => true)));
      if (i % 2 === 0) known.use(stanza.attrs.from);
    }
    // A part of a text would keep all of it: 32 MB.
    expect(usedHeap() - before).toBeLessThan(8e6);
    expect(present(known.get(jidOf(5))).capabilities[0]).toMatchObject({
      value: "ver-of-5",
      node: "https://any.example#ver-of-5",
    });
  });
});

/** How many octets are in use, after what is not has gone. */
function usedHeap(): number {
  setFlagsFromString("--expose-gc");
  const collect: unknown = runInNewContext("gc");
  if (typeof collect === "function") collect();
  return getHeapStatistics().used_heap_size;
}
