// Three processes, each with a client, share what they learn of their contacts' programs: what one of them has asked, the
// others never ask. Then the Redis where they share it is killed.
//
//     npx tsx examples/shared-cache/main.ts
//
// process.ts is the part to look at: an EntityCapsCache with a store, here Keyv on Redis. The contacts are those of the
// example "contacts".
//
// It starts a Prosody and a Redis of its own, which are installed where they are missing, ends by itself and leaves
// nothing behind.
import colors from "picocolors";
import { Redis } from "../../test/support/redis.ts";
import { installPrograms } from "../../test/support/setup.mjs";
import { NEW_PROGRAM, Verona } from "../contacts/people.ts";
import { printTable } from "../contacts/table.ts";
import { Member } from "./member.ts";

async function main(): Promise<void> {
  installPrograms(["prosody", "redis-server"]);
  console.log("\nStarting a Prosody, a Redis and three processes, and logging a hundred contacts in …");
  await using verona = await Verona.open(["romeo", "juliet"]);
  await using redis = await Redis.start();
  const { people, prosody } = verona;
  const programs = [...new Set(people.map(({ program }) => program))];

  await using first = await Member.start(prosody, "romeo", redis);
  await using second = await Member.start(prosody, "juliet", redis);
  // The first asks about some programs, the second about all, then the first about all; at last comes a third.
  await first.ask(people.filter(({ program }) => programs.indexOf(program) < 4));
  await second.ask(people);
  await first.ask(people);
  await using third = await Member.start(prosody, "romeo", redis);
  await third.ask(people);

  const members = [first, second, third];
  const columns = [
    { title: "Program" },
    ...members.map(({ pid }, index) => ({ title: `Process ${index + 1} (${pid})`, color: paint })),
  ];
  console.log("\nHow each process found out what its contacts' programs can do:\n");
  printTable(columns, [
    ...programs.map((program) => [program, ...members.map(({ learnt }) => learnt.get(program) ?? "")]),
    ["Contacts asked", ...members.map(({ asked }) => `${asked} of ${people.length}`)],
  ]);

  await redis.kill();
  const [updated] = people;
  updated?.install(NEW_PROGRAM);
  const answers = await Promise.all(members.map((member) => member.ask(people)));
  console.log(
    "Redis is killed, and a contact installs an update. All questions are answered all the same:\n",
  );
  printTable(columns, [
    [updated?.program ?? "", ...answers.map((answer) => answer.get(updated?.program ?? "") ?? "")],
    ["All others", ...answers.map((answer) => distinct(programs.map((program) => answer.get(program))))],
  ]);
}

function distinct(texts: readonly (string | undefined)[]): string {
  return [...new Set(texts)].join(", ");
}

function paint(text: string): string {
  if (text.startsWith("asked")) return colors.yellow(text);
  return text.startsWith("found") ? colors.green(text) : text;
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${colors.red("The example failed:")} ${message}\n`);
  process.exitCode = 1;
});
