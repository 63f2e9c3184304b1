// What each process does: it logs in, and finds out what it is told to, in Redis where another process has been there.
import KeyvRedis from "@keyv/redis";
import { xml } from "@xmpp/client";
import { Keyv } from "keyv";
import { DiscoClient, EntityCapsCache, EntityCapsService } from "xmpp-disco";
import { CALLS, connect, type Server } from "../contacts/people.ts";

/** The people whose programs are in question, and how often they have announced them. */
export type Question = readonly { jid: string; program: string; announcements: number }[];

/** How it was found out what each program can do. */
export type Answer = readonly (readonly [program: string, how: string])[];

const [login = "", username = "", redis = ""] = process.argv.slice(2);

// This is all it takes. Without `disableOfflineQueue` a Redis that is away would keep every look-up waiting for a second.
const store = new Keyv(new KeyvRedis({ url: redis, disableOfflineQueue: true }));
store.on("error", () => {}); // It costs a question, never an answer.
const cache = new EntityCapsCache({ store: counting(store) });
const xmpp = connect(JSON.parse(login) as Server, username);
const caps = xmpp.summon(EntityCapsService, { cache });
const disco = xmpp.summon(DiscoClient);

/** What was found in the store so far. */
let found = 0;
/** Who was asked so far. */
const asked: string[] = [];
/** How often each contact has announced what it uses. */
const announcements = new Map<string, number>();

disco.on("info", (jid) => asked.push(jid));
caps.on("capsChanged", (jid) => announcements.set(jid, (announcements.get(jid) ?? 0) + 1));

/** The same store, which counts what is found in it. */
function counting(counted: Keyv<string>) {
  return {
    async get(key: string) {
      const value = await counted.get(key);
      if (value !== undefined) found++;
      return value;
    },
    set: (key: string, value: string) => counted.set(key, value),
  };
}

async function answer(question: Question): Promise<Answer> {
  for (const { jid, announcements: expected } of question) {
    while ((announcements.get(jid) ?? 0) < expected) {
      await new Promise<void>((resolve) => caps.once("capsChanged", () => resolve()));
    }
  }
  const answers: [string, string][] = [];
  for (const program of new Set(question.map((person) => person.program))) {
    const before = { asked: asked.length, found };
    const users = question.filter((person) => person.program === program);
    await Promise.all(users.map(({ jid }) => disco.supports(jid, CALLS)));
    const whom = asked.slice(before.asked).map((jid) => jid.replace(/@[^/]*/, ""));
    if (whom.length > 0) answers.push([program, `asked ${whom.join(", ")}`]);
    else answers.push([program, found > before.found ? "found in Redis" : "known"]);
  }
  return answers;
}

process.on("message", (question: Question) => {
  answer(question).then(
    (answers) => process.send?.(answers),
    (error: unknown) => {
      process.stderr.write(`${error}\n`);
      process.exit(1);
    },
  );
});
// Redis would be waited for as long as it is away.
process.once("disconnect", () => xmpp.stop().finally(() => process.exit()));

await xmpp.start();
await xmpp.send(xml("presence"));
process.send?.("ready");
