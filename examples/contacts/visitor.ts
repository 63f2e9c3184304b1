import { xml } from "@xmpp/client";
import type { Element } from "@xmpp/xml";
import { DiscoClient, type EntityCapsCache, EntityCapsService, NS_DISCO_INFO, xep0390 } from "xmpp-disco";
import type { Prosody } from "../../test/support/prosody.ts";
import { CALLS, connect, type Person } from "./people.ts";

/** A client that wants to know what its contacts can do, and what it has cost. */
export class Visitor implements AsyncDisposable {
  readonly #xmpp: ReturnType<typeof connect>;
  readonly #disco: DiscoClient;
  /** What each contact announced last. */
  readonly #hashes = new Map<string, string>();
  readonly #known = new Set<string>();
  readonly #answers = new Map<string, boolean>();
  /** Who was asked. */
  readonly #asked: string[] = [];
  #presences = 0;
  #reported = { presences: 0, asked: 0, characters: 0 };
  #characters = 0;
  #onPresence = () => {};

  private constructor(
    prosody: Prosody,
    username: string,
    people: readonly Person[],
    cache?: EntityCapsCache,
  ) {
    this.#xmpp = connect(prosody, username);
    this.#disco = this.#xmpp.summon(DiscoClient);
    if (cache !== undefined) this.#xmpp.summon(EntityCapsService, { cache });

    // For the tables, not for the job.
    const jids = new Set(people.map(({ jid }) => jid));
    this.#xmpp.on("send", (stanza: Element) => this.#onQuery(stanza, "get", stanza.attrs["to"]));
    this.#xmpp.on("stanza", (stanza: Element) => {
      const { from, type } = stanza.attrs as Record<string, string | undefined>;
      this.#onQuery(stanza, "result");
      if (!stanza.is("presence") || type !== undefined || from === undefined || !jids.has(from)) return;
      const [hash] = (cache && xep0390.parse(stanza)) ?? [];
      if (hash !== undefined) this.#hashes.set(from, hash.value);
      this.#presences++;
      this.#onPresence();
    });
  }

  /** Logs in, and waits for the presence of everybody. */
  static async arrive(
    prosody: Prosody,
    username: string,
    people: readonly Person[],
    cache?: EntityCapsCache,
  ): Promise<Visitor> {
    const visitor = new Visitor(prosody, username, people, cache);
    await visitor.#xmpp.start();
    await visitor.#xmpp.send(xml("presence"));
    await visitor.seesPresences(people.length);
    return visitor;
  }

  /** Waits until so many more presences have arrived than there were at the last report. */
  async seesPresences(count: number): Promise<void> {
    while (this.#presences - this.#reported.presences < count) {
      await new Promise<void>((resolve) => {
        this.#onPresence = resolve;
      });
    }
  }

  /** Asks of everybody whether they can be called; returns what it took. */
  async findOut(people: readonly Person[]): Promise<(string | number)[]> {
    const answers = await Promise.all(people.map(({ jid }) => this.#disco.supports(jid, CALLS)));
    for (const [index, { jid }] of people.entries()) this.#answers.set(jid, answers[index] ?? false);
    const presences = this.#presences - this.#reported.presences;
    const asked = this.#asked.length - this.#reported.asked;
    const characters = this.#characters - this.#reported.characters;
    this.#reported = { presences: this.#presences, asked: this.#asked.length, characters: this.#characters };
    const hashes = [...this.#hashes.values()].filter((hash) => !this.#known.has(hash));
    for (const hash of hashes) this.#known.add(hash);
    return [presences, new Set(hashes).size, people.length - asked, asked, (characters / 1000).toFixed(1)];
  }

  /** What the people use, by hash. */
  programs(people: readonly Person[]): string[][] {
    const kinds = [...this.#known].map((hash) => {
      const users = people.filter(({ jid }) => this.#hashes.get(jid) === hash);
      return { hash, users };
    });
    kinds.sort((a, b) => b.users.length - a.users.length);
    return kinds.map(({ hash, users }) => {
      const asked = users.filter(({ jid }) => this.#asked.includes(jid)).map(({ jid }) => jid);
      const canBeCalled = users.some(({ jid }) => this.#answers.get(jid));
      const programs = new Set(users.map(({ program }) => program));
      return [
        [...programs].join(", "),
        String(users.length),
        `${hash.slice(0, 12)}…`,
        asked.join(", "),
        canBeCalled ? "yes" : "no",
      ];
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#xmpp.stop();
  }

  #onQuery(stanza: Element, type: string, to?: string): void {
    if (stanza.attrs["type"] !== type || stanza.getChild("query", NS_DISCO_INFO) === undefined) return;
    this.#characters += stanza.toString().length;
    if (to !== undefined) this.#asked.push(to);
  }
}
