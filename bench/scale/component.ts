// A component with a million JIDs, such as a gateway to another network, and those who want to know what they can do.
import { component } from "@xmpp/component";
import xml, { type Element } from "@xmpp/xml";
import { DiscoServer, IqError, NS_DISCO_INFO, withServices } from "xmpp-disco";
import { Random } from "../../test/support/random.ts";
import { parse } from "../../test/support/xml.ts";
import { ComponentServer, memoryComponent } from "../../test/unit/services/memory-component.ts";
import { assert, heap } from "../task.ts";
import { Meter, type Variant } from "./figures.ts";
import { KIND_EXPONENT, type Kind, kindsByPopularity, Zipf } from "./kinds.ts";

export const JIDS = 1_000_000;
export const USERS = 5_000;
export const CONTACTS = 20;
/** How popular the JIDs are. */
export const JID_EXPONENT = 0.8;
/** So many trees are made to see what one costs, and again as many. */
export const TREES = 20_000;

const DOMAIN = "gateway.example";
/** So many questions are under way at once, and so many are in a packet. */
const AT_ONCE = 500;
const PACKET = 100;

const jidOf = (number: number) => `u${number}@${DOMAIN}`;
const userOf = (number: number) => `user${number}@${number % 97}.example/desk`;

/** Counts what the component writes. */
class CountingServer extends ComponentServer {
  readonly #meter: Meter;
  answers = 0;
  onAnswer: () => void = () => {};
  readonly #kindOf: (jid: number) => Kind;

  constructor(meter: Meter, kindOf: (jid: number) => Kind) {
    super();
    this.#meter = meter;
    this.#kindOf = kindOf;
  }

  /** Sends so many stanzas to the component. */
  deliver(text: string, stanzas: number): void {
    this.#meter.count(text, stanzas);
    super.send(Buffer.from(text).toString());
  }

  override onData(text: string): void {
    if (!/^<(iq|presence)[ />]/.test(text)) {
      super.onData(text);
      return;
    }
    this.#meter.aside(() => {
      // What is written is an element each time.
      this.#meter.count(text, 1);
      if (!text.startsWith("<iq")) return;
      const [tag = ""] = /^<iq [^>]*type="result"[^>]*>/.exec(text) ?? [];
      const { features } = this.#kindOf(Number(/ from="u(\d+)@/.exec(tag)?.[1])).info;
      const isWhole =
        text.match(/<feature /g)?.length === features.length + (features.includes(NS_DISCO_INFO) ? 0 : 1);
      assert(isWhole, `an answer is not what it should be: ${text}`);
      this.answers += 1;
      this.onAnswer();
    });
  }
}

interface Question {
  readonly user: number;
  readonly jid: number;
}

const variant =
  (hasCaps: boolean): Variant =>
  async ({ seed }) => {
    const random = new Random(seed);
    const kinds = kindsByPopularity(random);
    const popularity = new Zipf(kinds.length, KIND_EXPONENT, random);
    // What an application has in its database: who runs what.
    const kindNumbers = Uint8Array.from({ length: JIDS }, () => popularity.next());
    const kindOf = (jid: number): Kind => {
      const kind = kinds[kindNumbers[jid] ?? -1];
      assert(kind !== undefined, "there is no such JID");
      return kind;
    };
    const fame = new Zipf(JIDS, JID_EXPONENT, random);
    const contacts = Array.from({ length: USERS }, () => {
      const chosen = new Set<number>();
      while (chosen.size < CONTACTS) chosen.add(fame.next());
      return [...chosen];
    });
    const asked = new Set(contacts.flat());

    // The users' clients do as this package does in the other scenarios: by hash once, and each where that does not help.
    const known = contacts.map(() => new Set<string>());
    const toAsk = (): Question[] =>
      contacts.flatMap((theirs, user) =>
        theirs.flatMap((jid) => {
          const { node, isShareable } = kindOf(jid);
          if (hasCaps && isShareable && known[user]?.has(node)) return [];
          known[user]?.add(node);
          return [{ user, jid }];
        }),
      );
    const logIns = ["first log-ins", "second log-ins"].map((name) => ({ name, questions: toAsk() }));

    const meter = new Meter();
    const server = new CountingServer(meter, kindOf);
    const before = heap();
    const xmpp = memoryComponent(server, DOMAIN);
    const disco = withServices(xmpp).summon(DiscoServer);
    // One function for all; it gives the same object for the same kind.
    disco.setNodeHandler("getInfo", ({ jid, node }, next) => {
      if (jid === undefined || jid === DOMAIN) return next();
      const kind = kinds[kindNumbers[Number(jid.slice(1, jid.indexOf("@")))] ?? -1];
      if (kind === undefined || (node !== undefined && node !== kind.node))
        throw new IqError("item-not-found");
      return kind.info;
    });
    await xmpp.start();

    /** The users' clients come on line: each is told of its contacts' presence. */
    const tell = async () => {
      for (const [user, theirs] of contacts.entries()) {
        const sent = theirs.map((jid) => {
          const attributes = { from: `${jidOf(jid)}/gateway`, to: userOf(user) };
          const presence = xml("presence", attributes);
          if (hasCaps) presence.append(announcement(kindOf(jid)));
          return xmpp.send(presence);
        });
        await Promise.all(sent);
      }
    };
    const ask = async (questions: readonly Question[]) => {
      const wanted = server.answers + questions.length;
      let next = 0;
      const more = () => {
        let [packet, count] = ["", 0];
        for (; count < PACKET && next < questions.length; count += 1) {
          const { user, jid } = questions[next] ?? { user: 0, jid: 0 };
          const query = xml("query", {
            xmlns: NS_DISCO_INFO,
            ...(hasCaps ? { node: kindOf(jid).node } : {}),
          });
          const attributes = { type: "get", id: `q${next}`, from: userOf(user), to: `${jidOf(jid)}/gateway` };
          packet += xml("iq", attributes, query).toString();
          next += 1;
        }
        meter.questions += count;
        if (count > 0) server.deliver(packet, count);
      };
      if (questions.length === 0) return;
      await new Promise<void>((resolve) => {
        server.onAnswer = () => {
          const open = next - (questions.length - (wanted - server.answers));
          if (server.answers === wanted) resolve();
          else if (open <= AT_ONCE - PACKET) more();
        };
        meter.aside(() => {
          for (let open = 0; open < AT_ONCE; open += PACKET) more();
        });
      });
    };
    for (const { name, questions } of logIns) {
      await meter.stage(`${name}: presences`, tell);
      await meter.stage(`${name}: all are asked`, () => ask(questions));
    }
    const memory = heap() - before;
    const strays = contacts.flat().filter((jid) => !kindOf(jid).isShareable).length;
    const notes = { asked: asked.size, pairs: USERS * CONTACTS, strays, kinds: kinds.length };
    await xmpp.stop();
    return { stages: meter.stages, memory, notes };
  };

const announced = new Map<Kind, Readonly<Record<string, unknown>>>();

/** The `<c/>` of a kind, anew: an element has one parent. */
function announcement(kind: Kind): Element {
  const attributes = announced.get(kind) ?? parse(kind.announcement).attrs;
  announced.set(kind, attributes);
  return xml("c", { ...attributes });
}

/** What it costs to keep a tree for each JID instead, with what its kind has. */
const trees: Variant = async ({ seed }) => {
  const random = new Random(seed);
  const kinds = kindsByPopularity(random);
  const popularity = new Zipf(kinds.length, KIND_EXPONENT, random);
  const xmpp = component({ service: "xmpp://127.0.0.1:1", domain: DOMAIN, password: "" });
  const disco = withServices(xmpp).summon(DiscoServer);
  const plant = (from: number) => {
    for (let number = from; number < from + TREES; number += 1) {
      const tree = disco.entity(jidOf(number));
      const info = kinds[popularity.next()]?.info;
      assert(info !== undefined, "there is no kind");
      for (const key of new Set(info.identities.map(({ category, type }) => `${category}/${type}`))) {
        const [category = "", type = ""] = key.split("/");
        tree.registerIdentity(category, type);
      }
      // The feature disco#info is always there.
      for (const feature of new Set(info.features)) {
        if (feature !== NS_DISCO_INFO) tree.registerFeature(feature);
      }
    }
  };
  const empty = heap();
  plant(0);
  const first = heap();
  plant(TREES);
  const second = heap();
  assert((await disco.getInfo({ jid: jidOf(0) })).features.length > 1, "the trees are gone");
  return { stages: [], notes: { first: (first - empty) / TREES, second: (second - first) / TREES } };
};

export const variants: Readonly<Record<string, Variant>> = {
  caps: variant(true),
  none: variant(false),
  trees,
};
