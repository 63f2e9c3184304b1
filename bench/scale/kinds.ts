// The software that those in the simulation use: the captures of capsdb.
import { readFileSync } from "node:fs";
import { xml } from "@xmpp/client";
import { DiscoInfo, NS_CAPS, NS_DISCO_INFO, xep0115 } from "xmpp-disco";
import type { Random } from "../../test/support/random.ts";
import { parse } from "../../test/support/xml.ts";

/** A kind of software, one version of it with its settings: what it announces, and what it answers. */
export interface Kind {
  /** `node#ver`: what is asked for by who goes by the hash. */
  readonly node: string;
  /** The `<c/>` of its presence. */
  readonly announcement: string;
  /** Its `<query/>` for that node, and without a node. */
  readonly answer: string;
  readonly plain: string;
  readonly info: DiscoInfo;
  /** Whether the answer has the hash, so that one answer serves all. */
  readonly isShareable: boolean;
}

type Capture = Readonly<Record<"node" | "ver" | "hash" | "verdict" | "xml", string>>;

function toKind(node: string, ver: string, hash: string, text: string): Kind {
  const element = parse(text);
  delete element.attrs["node"];
  const plain = element.toString();
  const info = DiscoInfo.fromElement(element);
  element.attrs["node"] = `${node}#${ver}`;
  return {
    node: `${node}#${ver}`,
    announcement: xml("c", { xmlns: NS_CAPS, hash, node, ver }).toString(),
    answer: element.toString(),
    plain,
    info,
    isShareable: xep0115.vouched(info, ver, hash) !== undefined,
  };
}

/**
 * The captures of the sample, also those that break a rule, in an order of their own for a seed: the first is the most
 * popular. One is left out that the archive has inside another `<query/>`; what was captured is there as well.
 */
export function kindsByPopularity(random: Random): Kind[] {
  const file = new URL("../../test/vectors/capsdb-sample.jsonl", import.meta.url);
  const lines = readFileSync(file, "utf8").trimEnd().split("\n");
  const records = lines.map((line) => JSON.parse(line) as Capture);
  const kinds = records
    .filter(({ verdict }) => verdict !== "mismatch")
    .map(({ node, ver, hash, xml: text }) => toKind(node, ver, hash, text));
  for (let last = kinds.length - 1; last > 0; last -= 1) {
    const other = random.below(last + 1);
    const [one, two] = [kinds[last], kinds[other]];
    if (one !== undefined && two !== undefined) [kinds[last], kinds[other]] = [two, one];
  }
  return kinds;
}

/** The next version of a software: with a feature more, and the hash that results. */
export function updated(kind: Kind): Kind {
  const info = new DiscoInfo({ ...kind.info, features: [...kind.info.features, "urn:example:scale:update"] });
  const [node = ""] = kind.node.split("#");
  const query = info.toElement();
  query.attrs["xmlns"] = NS_DISCO_INFO;
  return toKind(node, xep0115.hash(info), "sha-1", query.toString());
}

/** Draws numbers below `count`, number n with a weight of 1 / (n + 1) ** exponent. */
export class Zipf {
  readonly #sums: Float64Array;
  readonly #random: Random;

  constructor(count: number, exponent: number, random: Random) {
    this.#sums = new Float64Array(count);
    this.#random = random;
    let sum = 0;
    for (let index = 0; index < count; index += 1) {
      sum += (index + 1) ** -exponent;
      this.#sums[index] = sum;
    }
  }

  next(): number {
    const wanted = this.#random.next() * (this.#sums.at(-1) ?? 0);
    let [low, high] = [0, this.#sums.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#sums[middle] ?? 0) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** How popular kinds are: the first of them has about a sixth of all. */
export const KIND_EXPONENT = 1;
