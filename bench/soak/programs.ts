import type { Element } from "@xmpp/xml";
import { DataForm, DiscoInfo, NS_DISCO_INFO, xep0115, xep0390 } from "../../src/index.ts";
import type { Random } from "../../test/support/random.ts";

const NODE = "https://soak.example/";
/** How many versions are in use at a time. */
const LIVE = 600;
/** So often a contact changes its software until there is a new version. */
const CHANGES_PER_VERSION = 20;

interface Version {
  readonly info: DiscoInfo;
  readonly announcement: readonly Element[];
  readonly nodes: readonly string[];
}

/** Which software the contacts run: there are new versions all the time, and old ones go out of use. */
export class Programs {
  readonly #versions = new Map<number, Version>();
  readonly #byNode = new Map<string, Version>();
  readonly #running = new Map<number, number>();
  #changes = 0;

  /** What a contact says of itself; another entity says little. */
  of(contact: number): DiscoInfo {
    return this.#at(this.#running.get(contact) ?? this.#newest).info;
  }

  /** What is behind a node that is announced. */
  at(node: string): DiscoInfo | undefined {
    return this.#byNode.get(node)?.info;
  }

  /** The `<c/>` of a contact's presence. */
  announce(contact: number): readonly Element[] {
    return this.#at(this.#running.get(contact) ?? this.#newest).announcement;
  }

  change(contact: number, random: Random): void {
    this.#changes += 1;
    this.#running.set(contact, Math.max(0, this.#newest - random.below(LIVE - 100)));
  }

  get #newest(): number {
    return LIVE + Math.floor(this.#changes / CHANGES_PER_VERSION);
  }

  #at(number: number): Version {
    // Who has not changed for long has been updated.
    const live = Math.max(number, this.#newest - LIVE);
    let version = this.#versions.get(live);
    if (version === undefined) {
      version = make(live);
      this.#versions.set(live, version);
      for (const node of version.nodes) this.#byNode.set(node, version);
      this.#forget();
    }
    return version;
  }

  #forget(): void {
    for (const [number, { nodes }] of this.#versions) {
      // Announcements may be under way yet.
      if (number >= this.#newest - LIVE - 100) continue;
      this.#versions.delete(number);
      for (const node of nodes) this.#byNode.delete(node);
    }
  }
}

function make(number: number): Version {
  const info = new DiscoInfo({
    identities: [{ category: "client", type: "pc", name: `Soak ${number}` }],
    features: [
      NS_DISCO_INFO,
      "urn:soak",
      ...Array.from({ length: 20 }, (_, index) => `urn:soak:${(number * 7 + index) % 300}`),
    ],
    forms: [
      new DataForm({
        formType: "urn:xmpp:dataforms:softwareinfo",
        fields: { software_version: `${number}` },
      }),
    ],
  });
  const hashes = xep0390.hashSet(info, ["sha-256"]);
  return {
    info,
    announcement: [xep0115.element({ node: NODE, info }), xep0390.element({ info, algorithms: ["sha-256"] })],
    nodes: [
      xep0115.node(NODE, xep0115.hash(info)),
      ...hashes.map(({ algorithm, value }) => xep0390.node({ algorithm, value })),
    ],
  };
}
