import { describe, expect, test } from "vitest";
import {
  DiscoInfo,
  DiscoItems,
  IqError,
  type Item,
  MalformedResponse,
  NS_DISCO_INFO,
  type XMPPError,
} from "../../../src/index.ts";
import { readVectors } from "../../support/vectors.ts";
import {
  type Answer,
  type Asked,
  connect,
  ends,
  expectNoStrays,
  markOf,
  query,
  quiet,
  reply,
  requestsAt,
  type Stage,
  theRequestAt,
} from "./support.ts";

expectNoStrays();

/** One way a request may end. */
interface Outcome {
  readonly outcome: "result" | "error" | "malformed" | "no-answer";
  readonly node?: string | null;
  readonly info?: {
    node: string | null;
    identities: object[];
    features: string[];
    forms: { formType: string; fields: { var: string; values: string[] }[] }[];
  };
  readonly items?: Item[];
  readonly count?: { features?: number; items?: number };
  readonly condition?: string;
  readonly type?: string;
  readonly text?: string;
  readonly by?: string;
  readonly code?: number;
  readonly appConditions?: { ns: string; name: string }[];
}

interface Generator {
  readonly head: string;
  readonly repeat?: { template: string; from: number; count: number };
  readonly nest?: { open: string; close: string; count: number };
  readonly tail: string;
}

interface Vector {
  readonly name: string;
  readonly about: string;
  readonly request: { kind: "info" | "items"; to: string; node: string | null };
  readonly reply?: string;
  readonly replyGenerator?: Generator;
  readonly expected: Outcome;
  readonly alternatives?: Outcome[];
  readonly note?: string;
}

const { me, vectors } = JSON.parse(readVectors("disco-replies.json")) as { me: string; vectors: Vector[] };

/** The text of a reply as it comes over the stream. */
function textOf({ reply: text, replyGenerator: generator }: Vector, id: string): string {
  return (text ?? generated(generator)).replace("$ID", id);
}

function generated(generator: Generator | undefined): string {
  if (generator === undefined) throw new Error("a vector has a reply, or a generator of one");
  const { head, repeat, nest, tail } = generator;
  const repeated = Array.from({ length: repeat?.count ?? 0 }, (_, i) =>
    (repeat?.template ?? "").replaceAll("%d", String((repeat?.from ?? 0) + i)),
  );
  const nested = nest === undefined ? "" : nest.open.repeat(nest.count) + nest.close.repeat(nest.count);
  return head + repeated.join("") + nested + tail;
}

function ask(stage: Stage, { request }: Vector): Asked<Answer> {
  const { kind, to, node } = request;
  return query(stage, kind === "info" ? "queryInfo" : "queryItems", to, { node });
}

/** How a question ended, in the words of the file; only what the file says of it is looked at. */
function outcomeOf({ state, value, error }: Asked<Answer>, like: Outcome): Outcome {
  if (state === "open") return { outcome: "no-answer" };
  if (error instanceof IqError) return { outcome: "error", ...errorLike(error, like) };
  if (error !== undefined) {
    expect(error).toBeInstanceOf(MalformedResponse);
    return { outcome: "malformed" };
  }
  return { outcome: "result", ...answerLike(value, like) };
}

function errorLike(error: IqError, like: Outcome): Partial<Outcome> {
  const { condition, type, text, by, code, application } = error;
  const appConditions =
    application === undefined ? [] : [{ ns: application.getNS() ?? "", name: application.getName() }];
  const told = { condition, type, text, by, code, appConditions };
  return Object.fromEntries(Object.entries(told).filter(([key]) => key in like));
}

function answerLike(answer: Answer | undefined, like: Outcome): Partial<Outcome> {
  if (answer instanceof DiscoInfo) {
    const { identities, features, forms } = answer;
    if (like.count !== undefined) return { count: { features: features.length } };
    return {
      info: {
        node: answer.node ?? null,
        identities: [...identities],
        features: [...features],
        forms: forms.map(({ formType = "", fields }) => ({
          formType,
          fields: fields.map(({ var: name, values }) => ({ var: name, values: [...values] })),
        })),
      },
    };
  }
  const { items, node } = answer as DiscoItems;
  if (like.count !== undefined) return { count: { items: items.length } };
  return { ...("node" in like ? { node: node ?? null } : {}), items: [...items] };
}

/** What the file expects, in the form that it is compared in. */
function expectation({ outcome, ...rest }: Outcome): Outcome {
  if (outcome === "malformed" || outcome === "no-answer") return { outcome };
  const { items } = rest;
  // "The empty node may be given as empty or as absent."
  const cleaned = items?.map(({ node, ...item }) => (node ? { ...item, node } : item));
  const known = Object.entries(rest).filter(([key]) => !key.startsWith("caps"));
  return { outcome, ...Object.fromEntries(known), ...(cleaned === undefined ? {} : { items: cleaned }) };
}

/** Asks, and has the reply of a vector delivered, twice where the vector says so. */
async function play(vector: Vector) {
  const stage = await connect({ jid: me });
  const told: unknown[] = [];
  stage.disco.on("info", (...args) => void told.push(args));
  stage.disco.on("items", (...args) => void told.push(args));
  const asked = ask(stage, vector);
  const request = await theRequestAt(stage.server);
  const text = textOf(vector, String(request.attrs["id"]));
  stage.server.send(text);
  if (vector.note?.startsWith("Deliver the reply two times")) stage.server.send(text);
  await quiet();
  return { stage, asked, request, told };
}

test("the file has vectors, with names of their own", () => {
  expect(vectors.length).toBeGreaterThan(0);
  expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length);
});

describe.each(vectors.map((vector) => [vector.name, vector] as const))("%s", (_, vector) => {
  test(vector.about, async () => {
    const began = performance.now();
    const { stage, asked, request, told } = await play(vector);
    const outcome = outcomeOf(asked, vector.expected);
    const expected = [vector.expected, ...(vector.alternatives ?? [])].map(expectation);
    // The preferred outcome where it is one of them, so that a failure shows that.
    expect(outcome).toEqual(expected.find((one) => same(one, outcome)) ?? expected[0]);
    expect(performance.now() - began).toBeLessThan(2_000);

    const answered = outcome.outcome === "result";
    expect(told).toHaveLength(answered ? 1 : 0);
    const again = ask(stage, vector);
    if (outcome.outcome === "no-answer") {
      // The question is still open: who asks now joins it, and the genuine reply answers both.
      await requestsAt(stage.server, 1);
      stage.server.send(reply(request, "genuine"));
      await ends([asked, again]);
      const cached = ask(stage, vector);
      await cached.end;
      expect([asked, again, cached].map(({ value }) => markOf(value))).toEqual(Array(3).fill("genuine"));
      await requestsAt(stage.server, 1);
    } else if (answered) {
      await again.end;
      expect(again.value).toBe(asked.value);
      await requestsAt(stage.server, 1);
    } else {
      // Nothing wrong was cached: it is asked again, and the genuine reply is taken.
      const [, second] = await requestsAt(stage.server, 2);
      stage.server.send(reply(second, "genuine"));
      await again.end;
      expect(markOf(again.value)).toBe("genuine");
    }
  });
});

function same(one: unknown, other: unknown): boolean {
  try {
    expect(one).toEqual(other);
    return true;
  } catch {
    return false;
  }
}

const bad = vectors.filter(
  ({ expected }) => expected.outcome === "error" || expected.outcome === "malformed",
);

test.each(bad)("$name does no harm when its caller has left", async (vector) => {
  const stage = await connect({ jid: me });
  const abort = new AbortController();
  const { kind, to, node } = vector.request;
  const name = kind === "info" ? "queryInfo" : "queryItems";
  const asked = query(stage, name, to, { node, signal: abort.signal });
  const request = await theRequestAt(stage.server);
  abort.abort();
  await asked.end;
  stage.server.send(textOf(vector, String(request.attrs["id"])));
  await quiet();
  ask(stage, vector);
  await requestsAt(stage.server, 2);
});

test("who answers is taken to support disco#info, though it does not say so", async () => {
  const vector = vectors.find(({ name }) => name === "info-without-own-feature");
  const { asked } = await play(vector as Vector);
  expect((asked.value as DiscoInfo).has(NS_DISCO_INFO)).toBe(true);
});

test("an item without a JID is left out rather than given as undefined", async () => {
  const vector = vectors.find(({ name }) => name === "items-jid-missing");
  const { asked } = await play(vector as Vector);
  expect((asked.value as DiscoItems).items.map(({ jid }) => typeof jid)).toEqual(["string", "string"]);
});

/** Replies beyond the file that are hostile or broken, by what they are. */
const info = (inside: string) => `<query xmlns='${NS_DISCO_INFO}'>${inside}</query>`;
const form = (inside: string) => info(`<x xmlns='jabber:x:data' type='result'>${inside}</x>`);
const HOSTILE: [about: string, content: string][] = [
  ["a form without fields", form("")],
  ["a form with fields that have no name", form("<field><value>a</value></field>")],
  ["a form with two FORM_TYPEs", form("<field var='FORM_TYPE'/><field var='FORM_TYPE' type='hidden'/>")],
  ["a form of a type there is none of", info("<x xmlns='jabber:x:data' type='nonsense'/>")],
  ["a form within a form", form("<x xmlns='jabber:x:data'><field var='a'/></x>")],
  [
    "attributes that are names of Object's own",
    info("<feature var='__proto__'/><identity category='constructor' type='__proto__'/>"),
  ],
  ["text between the children", info("text<feature var='a'/>text")],
  ["a query within the query", info(info("<feature var='a'/>"))],
  ["prefixed children", `<d:query xmlns:d='${NS_DISCO_INFO}'><d:feature var='a'/></d:query>`],
  ["two queries", info("<feature var='a'/>") + info("<feature var='b'/>")],
  ["children nested two thousand times", info("<a>".repeat(2_000) + "</a>".repeat(2_000))],
  [
    "an identity of a very long name",
    info(`<identity category='a' type='b' name='${"c".repeat(100_000)}'/>`),
  ],
];

test.each(HOSTILE)(
  "a reply with %s settles the question at once and disturbs nothing",
  async (_, content) => {
    const stage = await connect({ jid: me });
    const asked = query(stage, "queryInfo");
    const { id, to } = (await theRequestAt(stage.server)).attrs;
    stage.server.send(`<iq type='result' id='${id}' from='${to}'>${content}</iq>`);
    await quiet();
    if (asked.state !== "answered") expect((asked.error as XMPPError).name).toBe("MalformedResponse");
    else expect(asked.value).toBeInstanceOf(DiscoInfo);
    stage.server.script = (stanza) => reply(stanza, "well");
    const other = query(stage, "queryInfo", "other.example");
    await other.end;
    expect(markOf(other.value)).toBe("well");
  },
);

test("an error stanza without an error in it settles the question", async () => {
  const stage = await connect({ jid: me });
  const asked = query(stage, "queryItems");
  const { id, to } = (await theRequestAt(stage.server)).attrs;
  stage.server.send(`<iq type='error' id='${id}' from='${to}'/>`);
  await asked.end;
  expect(asked.error).toMatchObject({ name: "IqError", condition: "undefined-condition" });
});

test("items with JIDs that are none, or empty, are left out", async () => {
  const stage = await connect({ jid: me });
  const asked = query(stage, "queryItems");
  const { id, to } = (await theRequestAt(stage.server)).attrs;
  const items = ["a.example", "", "@", "a@", "@a", "a/", "a b", "a@b@c", "b.example"];
  stage.server.send(
    `<iq type='result' id='${id}' from='${to}'><query xmlns='http://jabber.org/protocol/disco#items'>` +
      `${items.map((jid) => `<item jid='${jid}'/>`).join("")}</query></iq>`,
  );
  await asked.end;
  expect(asked.value).toBeInstanceOf(DiscoItems);
  expect((asked.value as DiscoItems).items).toEqual([{ jid: "a.example" }, { jid: "b.example" }]);
});
