import fc from "fast-check";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { CapsAlgorithm } from "../../../src/caps/algorithm.ts";
import type { Announcement, Capability } from "../../../src/caps/announcements.ts";
import { HashQuery, type HashQueryContext } from "../../../src/caps/hash-query.ts";
import { Slots } from "../../../src/caps/slots.ts";
import { DataForm, DiscoInfo, IqError, SessionLost, xep0115, xep0390 } from "../../../src/index.ts";
import { type Asked, ask, expectNoStrays, nameOf, present, quiet, software } from "./support.ts";

expectNoStrays();

const PC = software("PC");
const PHONE = software("Phone");
const LIE = software("Lie");
const AMBIGUOUS = new DiscoInfo({
  ...PC,
  forms: [new DataForm({ formType: "urn:example:form", fields: { a: "b" } })],
});

function capability(info: DiscoInfo, caps: CapsAlgorithm = xep0115, algorithm = "sha-1"): Capability {
  const value = caps.hash(info, algorithm);
  return { algorithm, value, node: `${caps.xmlns} ${value}`, key: present(caps.key(value, algorithm)), caps };
}

/** What somebody announces who runs this software. */
function announcementOf(info: DiscoInfo, both = false): Announcement {
  const capabilities = [...(both ? [capability(info, xep0390, "sha-256")] : []), capability(info)];
  return { text: capabilities.map(({ key }) => key).join(" "), capabilities };
}

const NEVER = 1e8;

/** What somebody is told who asks. */
function look(query: HashQuery, jid: string, announcement: Announcement): Promise<DiscoInfo> {
  return new Promise((resolve, reject) => query.ask(jid, announcement, { resolve, reject }));
}

/** The entity announces something else: who asked gives up. */
function change(query: HashQuery, jid: string): void {
  for (const inquiry of query.changed(jid)?.inquiries ?? []) inquiry.reject(changed);
}

/** A request that is under way. */
interface Request {
  readonly jid: string;
  readonly node: string | undefined;
  readonly signal: AbortSignal;
  answer(info: DiscoInfo): void;
  fail(error: Error): void;
}

/** Who announces what, and what is under way: all that a look-up is part of. */
class World implements HashQueryContext {
  readonly slots: Slots;
  readonly hedgeDelay: number;
  readonly announcements = new Map<string, Announcement>();
  /** All requests, in order. */
  readonly requests: Request[] = [];
  /** Those that have not come to an end. */
  readonly open = new Set<Request>();
  readonly known = new Map<string, DiscoInfo>();
  ended = 0;

  constructor({ slots = 8, hedgeDelay = NEVER } = {}) {
    this.slots = new Slots(slots);
    this.hedgeDelay = hedgeDelay;
  }

  recall = async ({ capabilities }: Announcement): Promise<DiscoInfo | undefined> =>
    capabilities.map(({ key }) => this.known.get(key)).find((info) => info !== undefined);

  *announcersOf(keys: ReadonlySet<string>): Iterable<readonly [string, Announcement]> {
    for (const entry of this.announcements) {
      if (entry[1].capabilities.some(({ key }) => keys.has(key))) yield entry;
    }
  }

  fetch = (jid: string, node: string | undefined, signal: AbortSignal): Promise<DiscoInfo> =>
    new Promise((resolve, reject) => {
      const request: Request = {
        jid,
        node,
        signal,
        answer: (info) => {
          this.open.delete(request);
          resolve(info);
        },
        fail: (error) => {
          this.open.delete(request);
          reject(error);
        },
      };
      signal.addEventListener("abort", () => request.fail(signal.reason));
      this.requests.push(request);
      this.open.add(request);
    });

  readonly counted = { hits: 0, misses: 0, aliased: 0 };

  count = (outcome: keyof World["counted"]): void => {
    this.counted[outcome] += 1;
  };

  learn = ({ capabilities }: Announcement, info: DiscoInfo): Map<string, DiscoInfo> => {
    const learned = new Map<string, DiscoInfo>();
    for (const { caps, key, value, algorithm } of capabilities) {
      const vouched = caps.vouched(info, value, algorithm);
      if (vouched === undefined) continue;
      learned.set(key, vouched);
      this.known.set(key, vouched);
    }
    return learned;
  };

  /** Somebody announces what this software is. */
  comes(jid: string, info: DiscoInfo, both = false): Announcement {
    const announcement = announcementOf(info, both);
    this.announcements.set(jid, announcement);
    return announcement;
  }

  query(announcement: Announcement): HashQuery {
    return new HashQuery(new Set(announcement.capabilities.map(({ key }) => key)), this, () => {
      this.ended += 1;
    });
  }

  /** Whom was asked, in order. */
  get asked(): string[] {
    return this.requests.map(({ jid }) => jid);
  }

  /** The latest request to somebody. */
  request(jid: string): Request {
    return present(this.requests.filter((request) => request.jid === jid).at(-1));
  }
}

const microtasks = () => quiet(1);
const gone = new Error("gone");
const changed = new Error("changed");

describe("a look-up by hash", () => {
  test("ends once, with the answer, and is silent from then on", async () => {
    const world = new World();
    const pc = world.comes("a", PC);
    const query = world.query(pc);
    const asked = ask(look(query, "a", pc));
    await microtasks();
    world.request("a").answer(PC);
    await asked.end;
    query.left("a", gone);
    change(query, "a");
    query.fail(gone);
    await microtasks();
    expect(nameOf(asked.value)).toBe("PC");
    expect(world.ended).toBe(1);
  });

  test("sends nothing where the store has it", async () => {
    const world = new World();
    const pc = world.comes("a", PC);
    world.known.set(present(pc.capabilities[0]).key, PC);
    const asked = ask(look(world.query(pc), "a", pc));
    await asked.end;
    expect(asked.value?.jid).toBe("a");
    expect(world.asked).toEqual([]);
    expect(world.ended).toBe(1);
  });

  test("asks no strangers while others may turn out to be known", async () => {
    const world = new World();
    const pc = world.comes("a", PC);
    world.comes("b", PC);
    world.comes("stranger", PC);
    let recalled = (_info: DiscoInfo | undefined) => {};
    const { recall } = world;
    world.recall = async (announcement) =>
      announcement === world.announcements.get("b")
        ? new Promise((resolve) => {
            recalled = resolve;
          })
        : recall(announcement);
    const query = world.query(pc);
    const [a, b] = [ask(look(query, "a", pc)), ask(look(query, "b", present(world.announcements.get("b"))))];
    await microtasks();
    world.request("a").fail(new IqError("forbidden"));
    await microtasks();
    expect(world.asked).toEqual(["a"]);
    recalled(undefined);
    await microtasks();
    expect(world.asked).toEqual(["a", "b"]);
    world.request("b").answer(PC);
    await Promise.all([a.end, b.end]);
    expect([nameOf(a.value), nameOf(b.value)]).toEqual(["PC", "PC"]);
  });

  test("cancels those who stall when another has answered", async () => {
    const world = new World({ hedgeDelay: 0 });
    const pc = world.comes("a", PC);
    world.comes("b", PC);
    const query = world.query(pc);
    const asked = ask(look(query, "a", pc));
    await quiet();
    expect(world.asked).toEqual(["a", "b"]);
    world.request("b").answer(PC);
    await asked.end;
    expect(world.request("a").signal.aborted).toBe(true);
    expect(world.ended).toBe(1);
  });

  test("waits for an answer to an old hash, which is good for others, though nobody asks any more", async () => {
    const world = new World();
    const pc = world.comes("a", PC);
    const query = world.query(pc);
    const asked = ask(look(query, "a", pc));
    await microtasks();
    change(query, "a");
    await asked.end;
    expect(asked.error).toBe(changed);
    expect(world.ended).toBe(0);
    world.request("a").answer(PC);
    await microtasks();
    expect(world.known.size).toBe(1);
    expect(world.ended).toBe(1);
  });

  test("does not ask on for nobody when that answer is of no use", async () => {
    const world = new World();
    const pc = world.comes("a", PC);
    world.comes("b", PC);
    const query = world.query(pc);
    const asked = ask(look(query, "a", pc));
    await microtasks();
    change(query, "a");
    await asked.end;
    world.request("a").answer(LIE);
    await microtasks();
    expect(world.asked).toEqual(["a"]);
    expect(world.ended).toBe(1);
  });

  test("asks nobody who waits for a slot when nobody wants to know any more", async () => {
    const world = new World({ slots: 1 });
    let release = () => {};
    world.slots.take((giveBack) => {
      release = giveBack;
    });
    const pc = world.comes("a", PC);
    const query = world.query(pc);
    const asked = ask(look(query, "a", pc));
    await microtasks();
    change(query, "a");
    await asked.end;
    release();
    await microtasks();
    expect(world.asked).toEqual([]);
    expect(world.ended).toBe(1);
    let isFree = false;
    world.slots.take(() => {
      isFree = true;
    });
    expect(isFree).toBe(true);
  });

  test("tells who asks for a stranger what the stranger answers", async () => {
    const world = new World();
    const pc = world.comes("a", PC);
    const stranger = world.comes("stranger", PC);
    const query = world.query(pc);
    const a = ask(look(query, "a", pc));
    await microtasks();
    world.request("a").fail(new IqError("forbidden"));
    await microtasks();
    const b = ask(look(query, "stranger", stranger));
    await microtasks();
    world.request("stranger").answer(LIE);
    await Promise.all([a.end, b.end]);
    expect(world.asked).toEqual(["a", "stranger"]);
    expect(nameOf(b.value)).toBe("Lie");
    expect(a.error).toMatchObject({ condition: "forbidden" });
  });

  test("asks a stranger again who lied before anybody asked for it", async () => {
    const world = new World({ hedgeDelay: 0 });
    const pc = world.comes("a", PC);
    const stranger = world.comes("stranger", PC);
    const query = world.query(pc);
    const a = ask(look(query, "a", pc));
    await quiet();
    world.request("stranger").answer(LIE);
    await quiet();
    const b = ask(look(query, "stranger", stranger));
    await quiet();
    expect(world.asked).toEqual(["a", "stranger", "stranger"]);
    world.request("stranger").answer(LIE);
    await b.end;
    expect(nameOf(b.value)).toBe("Lie");
    world.request("a").answer(PC);
    await a.end;
    expect(nameOf(a.value)).toBe("PC");
  });

  test("gives an entity the answer to what it announces, not to what it announced", async () => {
    const world = new World();
    const pc = world.comes("a", PC);
    world.comes("b", PC);
    const query = world.query(pc);
    const first = ask(look(query, "a", pc));
    const other = ask(look(query, "b", present(world.announcements.get("b"))));
    await microtasks();
    // Another announcement of the same hash, such as one more hash beside it.
    change(query, "a");
    const both = world.comes("a", PC, true);
    const again = ask(look(query, "a", both));
    await first.end;
    world.request("a").answer(LIE);
    await microtasks();
    expect(again.state).toBe("open");
    world.request("b").fail(new IqError("forbidden"));
    await microtasks();
    expect(world.asked).toEqual(["a", "b", "a"]);
    world.request("a").answer(PC);
    await Promise.all([again.end, other.end]);
    expect([nameOf(again.value), nameOf(other.value)]).toEqual(["PC", "PC"]);
  });

  test("does not wait for an entity to answer to what it announced before", async () => {
    const world = new World({ hedgeDelay: 0 });
    const pc = world.comes("a", PC);
    const query = world.query(pc);
    const first = ask(look(query, "a", pc));
    await quiet();
    change(query, "a");
    const again = ask(look(query, "a", world.comes("a", PC, true)));
    await Promise.all([first.end, quiet()]);
    expect(world.asked).toEqual(["a", "a"]);
    expect(world.requests.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    world.request("a").answer(PC);
    await again.end;
    expect(nameOf(again.value)).toBe("PC");
  });

  test("asks a stranger once who fails while somebody asks for it", async () => {
    const world = new World();
    const pc = world.comes("a", PC);
    const stranger = world.comes("stranger", PC);
    const query = world.query(pc);
    const a = ask(look(query, "a", pc));
    await microtasks();
    world.request("a").fail(new IqError("forbidden"));
    await microtasks();
    const b = ask(look(query, "stranger", stranger));
    await microtasks();
    world.request("stranger").fail(new IqError("not-allowed"));
    await Promise.all([a.end, b.end]);
    expect(world.asked).toEqual(["a", "stranger"]);
    expect([a.error, b.error]).toMatchObject([{ condition: "forbidden" }, { condition: "not-allowed" }]);
  });

  test("may ask a stranger again who left and came back", async () => {
    const world = new World();
    const pc = world.comes("a", PC);
    for (const jid of ["s1", "s2"]) world.comes(jid, PC);
    const query = world.query(pc);
    const asked = ask(look(query, "a", pc));
    await microtasks();
    world.request("a").fail(new IqError("forbidden"));
    await microtasks();
    world.announcements.delete("s1");
    query.left("s1", gone);
    world.comes("s1", PC);
    await microtasks();
    world.request("s2").fail(new IqError("forbidden"));
    await microtasks();
    expect(world.asked).toEqual(["a", "s1", "s2", "s1"]);
    world.request("s1").answer(PC);
    await asked.end;
    expect(nameOf(asked.value)).toBe("PC");
  });

  test("does not ask who left while it waited for a slot, but may when it is back", async () => {
    const world = new World({ slots: 1 });
    let release = () => {};
    world.slots.take((giveBack) => {
      release = giveBack;
    });
    const pc = world.comes("a", PC);
    const query = world.query(pc);
    const first = ask(look(query, "a", pc));
    const other = ask(look(query, "b", world.comes("b", PC)));
    await microtasks();
    query.left("a", gone);
    await first.end;
    expect(first.error).toBe(gone);
    release();
    await microtasks();
    expect(world.asked).toEqual(["b"]);
    const again = ask(look(query, "a", pc));
    await microtasks();
    world.request("b").answer(LIE);
    await microtasks();
    world.request("a").answer(PC);
    await Promise.all([other.end, again.end]);
    expect([nameOf(other.value), nameOf(again.value)]).toEqual(["Lie", "PC"]);
  });

  test("asks who left and came back while it waited for a slot, once", async () => {
    const world = new World({ slots: 1 });
    let release = () => {};
    world.slots.take((giveBack) => {
      release = giveBack;
    });
    const pc = world.comes("a", PC);
    const query = world.query(pc);
    const first = ask(look(query, "a", pc));
    const other = ask(look(query, "b", world.comes("b", PC)));
    await microtasks();
    query.left("a", gone);
    await first.end;
    // Nothing is left of the first attempt but its place in the queue.
    const again = ask(look(query, "a", pc));
    await microtasks();
    query.left("b", gone);
    await other.end;
    release();
    await microtasks();
    expect(world.asked).toEqual(["a"]);
    query.left("a", gone);
    await again.end;
    expect(again.error).toBe(gone);
    expect(world.request("a").signal.aborted).toBe(true);
    expect(world.ended).toBe(1);
  });

  test("asks nobody else when the session is lost", async () => {
    const world = new World();
    const pc = world.comes("a", PC);
    const query = world.query(pc);
    const asked = ["a", "b", "c"].map((jid) => ask(look(query, jid, world.comes(jid, PC))));
    await microtasks();
    const lost = new SessionLost("gone");
    world.request("a").fail(lost);
    await Promise.all(asked.map(({ end }) => end));
    expect(asked.map(({ error }) => error)).toEqual([lost, lost, lost]);
    expect(world.asked).toEqual(["a"]);
  });

  test("does not ask on for nobody when an entity that changed refuses", async () => {
    const world = new World();
    const pc = world.comes("a", PC);
    world.comes("b", PC);
    const query = world.query(pc);
    const asked = ask(look(query, "a", pc));
    await microtasks();
    change(query, "a");
    await asked.end;
    world.request("a").fail(new IqError("forbidden"));
    await microtasks();
    expect(world.asked).toEqual(["a"]);
    expect(world.ended).toBe(1);
  });

  test("leaves no timer behind", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const settled = () => new Promise((resolve) => setImmediate(resolve));
    for (const end of [
      (query: HashQuery) => query.fail(gone),
      (query: HashQuery) => query.left("a", gone),
      (_query: HashQuery, world: World) => world.request("a").answer(PC),
      (_query: HashQuery, world: World) => world.request("a").fail(gone),
    ]) {
      const world = new World();
      const pc = announcementOf(PC);
      const query = world.query(pc);
      const asked = ask(look(query, "a", pc));
      await settled();
      expect(vi.getTimerCount()).toBe(1);
      end(query, world);
      await asked.end;
      await settled();
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  test("of 10,000 who have to be asked for themselves does not overflow the stack", async () => {
    const world = new World({ slots: 10_000 });
    const ambiguous = world.comes("0", AMBIGUOUS);
    const query = world.query(ambiguous);
    const asked = Array.from({ length: 10_000 }, (_, i) => ask(look(query, `${i}`, ambiguous)));
    while (world.requests.length < 10_000) {
      await microtasks();
      for (const request of world.open) request.answer(AMBIGUOUS);
    }
    await Promise.all(asked.map(({ end }) => end));
    expect(world.requests).toHaveLength(10_000);
  });

  test("of 10,000 who wait for a slot ends at once when the session is lost", async () => {
    const world = new World({ slots: 1 });
    const queries = Array.from({ length: 10_000 }, (_, i) => {
      const announcement = announcementOf(software(`${i}`));
      const query = world.query(announcement);
      return { query, asked: ask(look(query, `${i}`, announcement)) };
    });
    await microtasks();
    for (const { query } of queries) query.fail(new SessionLost("gone"));
    await Promise.all(queries.map(({ asked }) => asked.end));
    await microtasks();
    expect(world.ended).toBe(10_000);
    expect(world.asked).toHaveLength(1);
  });
});

/** What may happen to one of a few entities, by number. */
type Event =
  | { readonly kind: "ask" | "leave"; readonly who: number }
  | { readonly kind: "come" | "answer"; readonly who: number; readonly info: number; readonly both: boolean }
  | { readonly kind: "fail"; readonly who: number; readonly condition: string };

const INFOS = [PC, PHONE, LIE, AMBIGUOUS];

const who = fc.nat(4);
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("ask"), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("leave"), who }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("fail"),
      who,
      condition: fc.constantFrom("forbidden", "item-not-found", "remote-server-timeout"),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom("come", "answer"),
      who,
      info: fc.nat(INFOS.length - 1),
      both: fc.boolean(),
    }),
  },
);

describe("whatever happens", () => {
  test.each([
    ["one request at a time", NEVER],
    ["others beside one that stalls", 0],
  ])("all who ask are told in the end (%s)", async (_what, hedgeDelay) => {
    const script = fc.array(fc.record({ event, isNext: fc.boolean() }), { minLength: 5, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(script, fc.integer({ min: 1, max: 3 }), async (steps, slots) => {
        const world = new World({ slots, hedgeDelay });
        const hashes = [capability(PC), capability(AMBIGUOUS)];
        const keys = new Set(hashes.map(({ key }) => key));
        const query = world.query({ text: "", capabilities: hashes });
        const asked: { who: string; announced: Announcement; question: Asked<DiscoInfo> }[] = [];
        const settle = (jid: string, act: (request: Request) => void) => {
          for (const request of world.open) if (request.jid === jid) act(request);
        };
        /** Whether everybody may have to be asked for themselves. */
        let isEverybody = false;
        for (const { event, isNext } of steps) {
          const who = `${event.who}`;
          const announced = world.announcements.get(who);
          if (event.kind === "come") {
            if (announced !== undefined) change(query, who);
            world.comes(who, present(INFOS[event.info]), event.both);
          } else if (event.kind === "leave") {
            world.announcements.delete(who);
            query.left(who, gone);
          } else if (event.kind === "ask") {
            const isAbout = announced?.capabilities.some(({ key }) => keys.has(key));
            if (announced !== undefined && isAbout && world.ended === 0) {
              asked.push({ who, announced, question: ask(look(query, who, announced)) });
            }
          } else if (event.kind === "answer") {
            isEverybody ||= INFOS[event.info] === AMBIGUOUS;
            settle(who, (request) => request.answer(present(INFOS[event.info])));
          } else if (event.kind === "fail") {
            settle(who, (request) => request.fail(new IqError(event.condition)));
          }
          if (isNext) await microtasks();
          if (hedgeDelay === NEVER) expect(world.open.size).toBeLessThanOrEqual(isEverybody ? slots : 1);
        }
        // In the end all requests come to theirs.
        await microtasks();
        for (let i = 0; world.open.size > 0 && i < 50; i += 1) {
          for (const request of world.open) request.fail(new IqError("remote-server-timeout"));
          await microtasks();
        }
        expect(world.open.size).toBe(0);
        for (const { who, announced, question } of asked) {
          expect(question.state).not.toBe("open");
          const { value } = question;
          if (value === undefined) continue;
          expect(value.jid).toBe(who);
          // It is what the hash stands for, or what the entity said itself.
          const isTrue = announced.capabilities.some(({ caps, ...hash }) =>
            caps.verify(value, hash.value, hash.algorithm),
          );
          expect(isTrue || world.asked.includes(who)).toBe(true);
        }
        for (const [key, info] of world.known) {
          expect([capability(info).key, capability(info, xep0390, "sha-256").key]).toContain(key);
        }
        // No slot is lost.
        let free = 0;
        for (let i = 0; i < slots; i += 1) {
          world.slots.take(() => {
            free += 1;
          });
        }
        expect(free).toBe(slots);
        if (asked.length > 0) expect(world.ended).toBe(1);
      }),
      { numRuns: 60 },
    );
  });
});
