import xml, { type Element } from "@xmpp/xml";
import { describe, expect, test, vi } from "vitest";
import {
  DiscoClient,
  type DiscoInfo,
  DiscoServer,
  EntityCapsService,
  IqError,
  NS_CAPS,
  NS_DISCO_INFO,
  withServices,
} from "../../../src/index.ts";
import { MemoryServer, memoryClient } from "../../support/memory.ts";
import { readVectors } from "../../support/vectors.ts";

interface Identity {
  readonly category: string;
  readonly type: string;
  readonly name?: string;
  readonly lang?: string;
}

interface Sent {
  readonly type?: string;
  readonly to?: string;
  readonly id?: string;
  readonly node?: string | null;
  readonly nodeMayBe?: string | null;
  readonly count?: number;
  readonly features?: readonly string[];
  readonly condition?: readonly string[];
  readonly presence?: true;
  readonly caps115?: Readonly<Record<"hash" | "node" | "ver", string>> | null;
}

interface Step {
  readonly recv?: string;
  readonly do?: string;
  readonly jid?: string;
  readonly as?: string;
  readonly expectSent?: Sent;
  readonly expectNotSent?: string;
  readonly optional?: Step;
  readonly expect?: "answer" | "failure" | "cached" | "not-cached" | "known" | "unknown" | "state";
  readonly of?: string;
  readonly features?: readonly string[];
  readonly identities?: readonly Identity[];
  readonly forms?: readonly string[];
  readonly condition?: string;
  readonly hash?: string;
  readonly ver?: string;
  readonly about?: string;
}

interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly setup?: {
    readonly own?: { identities: readonly Identity[]; features: readonly string[]; node: string };
  } | null;
  readonly steps: readonly Step[];
}

const { me, scenarios } = JSON.parse(readVectors("caps-scenarios.json")) as {
  me: string;
  scenarios: readonly Scenario[];
};

const TYPES = ["unavailable", "subscribe", "subscribed", "unsubscribe", "unsubscribed", "probe", "error"];

/** Long enough for all that is under way in memory to arrive. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 15));

/** Plays a scenario against an unmodified client. */
class Play {
  readonly #server = new MemoryServer({ jid: me });
  readonly #xmpp = withServices(memoryClient(this.#server));
  readonly #asked = new Map<string, { result?: DiscoInfo; error?: unknown; isOpen: boolean }>();
  readonly #named = new Map<string, Element>();
  /** How many of the stanzas sent were looked at already. */
  #seen = 0;

  async start({ setup }: Scenario): Promise<void> {
    this.#xmpp.on("error", () => {});
    // So that it is off line for a while after "disconnect".
    this.#xmpp.reconnect.delay = 50;
    const own = setup?.own;
    const caps = this.#xmpp.summon(EntityCapsService, {
      rebroadcastDelay: 1,
      ...(own === undefined ? {} : { node: own.node }),
    });
    this.#xmpp.summon(DiscoClient);
    const server = this.#xmpp.summon(DiscoServer);
    if (own !== undefined) {
      // The scenarios announce XEP-0115 alone.
      caps.xep390Support = false;
      for (const { category, type, name } of own.identities) server.registerIdentity(category, type, name);
      server.unregisterIdentity("client", "bot");
      for (const feature of own.features) {
        if (feature !== NS_DISCO_INFO && feature !== NS_CAPS) server.registerFeature(feature);
      }
    }
    await this.#xmpp.start();
  }

  stop(): Promise<unknown> {
    return this.#xmpp.stop();
  }

  async step(step: Step): Promise<void> {
    if (step.recv !== undefined) await this.#receive(step.recv);
    else if (step.do !== undefined) await this.#do(step);
    else if (step.expectSent !== undefined) await this.#expectSent(step.expectSent, step.as);
    else if (step.expectNotSent !== undefined)
      expect(this.#unseen().map(String), step.expectNotSent).toEqual([]);
    else if (step.optional !== undefined) await this.step(step.optional);
    else await this.#expect(step);
  }

  async #receive(text: string): Promise<void> {
    const filled = text
      .replaceAll(/\$to:(\w+)/g, (_, name: string) => this.#named.get(name)?.attrs.to)
      .replaceAll(/\$(\w+)/g, (_, name: string) => this.#named.get(name)?.attrs.id ?? "unknown");
    this.#server.send(filled);
    await settle();
  }

  async #do({ do: what = "", jid = "", as = "" }: Step): Promise<void> {
    if (what === "ask") this.#ask(jid, as);
    else if (what === "disconnect") this.#server.cut();
    else if (what.startsWith("connect again")) {
      await new Promise((resolve) => this.#xmpp.once("online", resolve));
    } else if (what === "send available presence") await this.#xmpp.send(xml("presence"));
    else if (what.startsWith("send available presence to ")) {
      await this.#xmpp.send(xml("presence", { to: what.replace(/.* to /, "") }));
    } else if (what.startsWith("send unavailable, subscribe")) {
      for (const type of TYPES) await this.#xmpp.send(xml("presence", { type, to: "a@b.example" }));
    } else if (what.startsWith("send available presence with show away")) {
      await this.#xmpp.send(xml("presence", {}, xml("show", {}, "away"), xml("status", {}, "Tea")));
      await settle();
      this.#unseen();
    } else if (what.startsWith("add feature ")) {
      this.#xmpp.summon(DiscoServer).registerFeature(what.replace("add feature ", ""));
    } else throw new Error(`no such thing to do: ${what}`);
    await settle();
  }

  #ask(jid: string, as: string): void {
    const asked: { result?: DiscoInfo; error?: unknown; isOpen: boolean } = { isOpen: true };
    this.#asked.set(as, asked);
    this.#xmpp
      .summon(DiscoClient)
      .queryInfo(jid)
      .then(
        (info) => Object.assign(asked, { result: info, isOpen: false }),
        (error: unknown) => Object.assign(asked, { error, isOpen: false }),
      );
  }

  /** The stanzas that were sent since the last look. */
  #unseen(): Element[] {
    const stanzas = this.#server.received.slice(this.#seen);
    this.#seen = this.#server.received.length;
    return stanzas;
  }

  async #expectSent(sent: Sent, as: string | undefined): Promise<void> {
    const { received } = this.#server;
    await vi.waitUntil(() => received.length >= this.#seen + (sent.count ?? 1)).catch(() => {});
    const stanzas = this.#unseen();
    expect(stanzas, JSON.stringify(sent)).toHaveLength(sent.count ?? 1);
    for (const stanza of stanzas) {
      if (sent.presence) this.#expectPresence(stanza, sent);
      else this.#expectIq(stanza, sent);
      if (as !== undefined) this.#named.set(as, stanza);
    }
  }

  #expectPresence(stanza: Element, { to, caps115 }: Sent): void {
    expect(stanza.name).toBe("presence");
    if (to !== undefined) expect(stanza.attrs.to).toBe(to);
    const elements = stanza.getChildren("c", NS_CAPS);
    const { hash, node, ver } = elements[0]?.attrs ?? {};
    expect(elements.length === 0 ? null : { hash, node, ver }).toEqual(caps115);
  }

  #expectIq(stanza: Element, { type, to, id, node, nodeMayBe, features, condition }: Sent): void {
    expect(stanza.attrs.type).toBe(type);
    if (to !== "any of the three") expect(stanza.attrs.to).toBe(to);
    if (id !== undefined) expect(stanza.attrs.id).toBe(id);
    if (condition !== undefined) {
      expect(condition).toContain(IqError.fromElement(stanza).condition);
      return;
    }
    const query = stanza.getChild("query", NS_DISCO_INFO);
    expect([node ?? undefined, ...(nodeMayBe === undefined ? [] : [nodeMayBe ?? undefined])]).toContain(
      query?.attrs.node,
    );
    if (features !== undefined) {
      const told = query?.getChildren("feature").map((feature) => feature.attrs.var as string);
      expect(told?.sort()).toEqual([...features].sort());
    }
  }

  async #expect(step: Step): Promise<void> {
    const asked = this.#asked.get(step.of ?? "");
    if (asked !== undefined) await vi.waitUntil(() => !asked.isOpen);
    if (step.expect === "answer") {
      expect(asked?.error).toBeUndefined();
      this.#expectInfo(asked?.result, step);
    } else if (step.expect === "failure") {
      expect(asked?.error).toBeInstanceOf(Error);
      if (step.condition !== undefined) expect(asked?.error).toMatchObject({ condition: step.condition });
    } else if (step.expect === "cached" || step.expect === "not-cached") {
      await this.#expectCached(step);
    } else if (step.expect === "known") {
      this.#ask(step.jid ?? "", "known");
      await vi.waitUntil(() => this.#asked.get("known")?.isOpen === false);
      expect(this.#unseen().map(String)).toEqual([]);
      this.#expectInfo(this.#asked.get("known")?.result, step);
    } else if (step.expect === "unknown") {
      this.#ask(step.jid ?? "", "unknown");
      await settle();
      expect(this.#unseen().filter((stanza) => stanza.attrs.to === step.jid)).toHaveLength(1);
    } else if (step.about === "a1 is still open") {
      expect(this.#asked.get("a1")?.isOpen).toBe(true);
    } else if (step.about?.startsWith("show and status")) {
      const presence = this.#server.received.at(-1);
      expect([presence?.getChildText("show"), presence?.getChildText("status")]).toEqual(["away", "Tea"]);
    } else {
      // The others allow whatever comes, but not that nothing does.
      expect(this.#asked.get("a1")?.isOpen).toBe(false);
    }
  }

  #expectInfo(info: DiscoInfo | undefined, { features, identities, forms }: Step): void {
    expect([...(info?.features ?? [])].sort()).toEqual([...(features ?? [])].sort());
    if (identities !== undefined) expect(info?.identities).toEqual(identities);
    if (forms !== undefined) expect(info?.forms.map((form) => form.formType)).toEqual(forms);
  }

  /** Another contact who announces the same hash needs no request, or needs one. */
  async #expectCached({ expect: what, hash, ver }: Step): Promise<void> {
    const jid = `probe-${this.#named.size}-${this.#seen}@montague.example/x`;
    const caps = xml("c", { xmlns: NS_CAPS, hash, node: "http://probe.example", ver });
    this.#server.send(xml("presence", { from: jid }, caps));
    await settle();
    this.#ask(jid, "probe");
    await settle();
    expect(this.#unseen().map(String)).toHaveLength(what === "cached" ? 0 : 1);
    this.#server.send(xml("presence", { from: jid, type: "unavailable" }));
    await settle();
  }
}

describe("the scenarios of capabilities", () => {
  test.each(scenarios.map((scenario) => [scenario.name, scenario.about, scenario] as const))(
    "%s: %s",
    async (_name, _about, scenario) => {
      const play = new Play();
      await play.start(scenario);
      try {
        for (const step of scenario.steps) await play.step(step);
      } finally {
        await play.stop();
      }
    },
  );
});
