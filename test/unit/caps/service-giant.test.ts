import type { Element } from "@xmpp/xml";
import { describe, expect, test } from "vitest";
import { DiscoInfo, NS_DISCO_INFO } from "../../../src/index.ts";
import { c115, expectNoStrays, JULIET, NURSE, presence, quiet, software, stage, TYBALT } from "./support.ts";

expectNoStrays();

const PC = software("PC");

describe("a giant answer", () => {
  const features = Array.from({ length: 100_000 }, (_, i) => `urn:example:feature:${i}`);

  test("of 100,000 features that verifies is used, and shared", { timeout: 20_000 }, async () => {
    const on = await stage();
    on.disco.limits = { features: Infinity };
    const giant = new DiscoInfo({ ...PC, features: [...PC.features, ...features] });
    const c = c115(giant);
    on.answers(TYBALT, (request) => {
      on.server.send(resultText(request, features));
      return undefined;
    });
    on.server.send(presence(TYBALT, c));
    on.server.send(presence(NURSE, c));
    await quiet(2);
    const [info, other] = await Promise.all([TYBALT, NURSE].map((jid) => on.disco.queryInfo(jid)));
    expect(info?.features).toHaveLength(100_000 + PC.features.length);
    expect(other?.has("urn:example:feature:99999")).toBe(true);
    expect(on.asked()).toEqual([TYBALT]);
  });

  test("to the hash of somebody else harms nobody", { timeout: 20_000 }, async () => {
    const on = await stage();
    on.disco.limits = { features: Infinity };
    on.comes(TYBALT, PC);
    on.answers(TYBALT, (request) => {
      on.server.send(resultText(request, features));
      return undefined;
    });
    on.comes(JULIET, PC);
    await quiet(2);
    const [giant, info] = await Promise.all([TYBALT, JULIET].map((jid) => on.disco.queryInfo(jid)));
    expect(giant?.features.length).toBeGreaterThan(100_000);
    expect(info?.features).toEqual(PC.features);
    expect(on.caps.cache.size).toBe(1);
  });

  /** The answer as text: building it of elements would take longer than the test. */
  function resultText(request: Element, more: readonly string[]): string {
    const query = PC.toElement().getChildElements().join("");
    const { node } = request.getChild("query")?.attrs ?? {};
    const list = more.map((feature) => `<feature var='${feature}'/>`).join("");
    return `<iq type='result' id='${request.attrs.id}' from='${request.attrs.to}'><query xmlns='${NS_DISCO_INFO}' node='${node}'>${query}${list}</query></iq>`;
  }
});
