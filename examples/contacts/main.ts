// A hundred contacts are on line, and a program wants to know which of them it can call. What does it cost to find out,
// with entity capabilities (XEP-0115, XEP-0390) and without?
//
//     npx tsx examples/contacts/main.ts
//
// visitor.ts is the part to look at: a client that summons EntityCapsService and asks `supports()` of everybody; the
// rest of it counts what that takes. people.ts has the hundred, who log in for real and use seven kinds of programs.
//
// It starts a Prosody of its own, which is installed where it is missing, ends by itself and leaves nothing behind.
import colors from "picocolors";
import { EntityCapsCache } from "xmpp-disco";
import { installPrograms } from "../../test/support/setup.mjs";
import { NEW_PROGRAM, Verona } from "./people.ts";
import { printTable } from "./table.ts";
import { Visitor } from "./visitor.ts";

async function main(): Promise<void> {
  installPrograms(["prosody"]);
  console.log("\nStarting a Prosody, and logging a hundred contacts in …");
  await using verona = await Verona.open(["romeo", "juliet"]);
  const { prosody, people } = verona;
  const rows: (string | number)[][] = [];

  // Romeo's program: all that entity capabilities need is that the service is summoned.
  const cache = new EntityCapsCache();
  await using romeo = await Visitor.arrive(prosody, "romeo", people, cache);
  rows.push(["Romeo comes on line", ...(await romeo.findOut(people))]);
  const programs = romeo.programs(people);
  rows.push(["Romeo's program asks again", ...(await romeo.findOut(people))]);

  const [somebody] = people;
  somebody?.install(NEW_PROGRAM);
  await romeo.seesPresences(1);
  rows.push(["One contact installs an update", ...(await romeo.findOut(people))]);

  await using juliet = await Visitor.arrive(prosody, "juliet", people, cache);
  rows.push(["Juliet comes, with Romeo's cache", ...(await juliet.findOut(people))]);
  await using without = await Visitor.arrive(prosody, "juliet", people);
  rows.push(["Juliet, without EntityCapsService", ...(await without.findOut(people))]);

  console.log("\nWhat Romeo's contacts use, and who was asked about it:\n");
  printTable(
    [
      { title: "Program" },
      { title: "Contacts", align: "right" },
      { title: "Hash in their presence", color: colors.dim },
      { title: "Asked" },
      { title: "Can be called" },
    ],
    programs,
  );
  console.log("What it took to find out who can be called, in a hundred calls of supports() each time:\n");
  printTable(
    [
      { title: "" },
      { title: "Presences", align: "right" },
      { title: "New hashes", align: "right" },
      { title: "Known", align: "right", color: colors.green },
      { title: "Asked", align: "right", color: colors.yellow },
      { title: "kB asked and answered", align: "right" },
    ],
    rows,
  );
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${colors.red("The example failed:")} ${message}\n`);
  process.exitCode = 1;
});
