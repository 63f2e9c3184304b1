// A hundred contacts are on line, and a program wants to know whom it can call: what it costs to find out, with entity
// capabilities and without.
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

  const [mercutio] = people;
  mercutio?.install(NEW_PROGRAM);
  await romeo.seesPresences(1);
  rows.push(["One contact installs an update", ...(await romeo.findOut(people))]);

  await using juliet = await Visitor.arrive(prosody, "juliet", people, cache);
  rows.push(["Juliet comes, with Romeo's cache", ...(await juliet.findOut(people))]);
  await using without = await Visitor.arrive(prosody, "juliet", people);
  rows.push(["Juliet, without capabilities", ...(await without.findOut(people))]);

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
  console.log(
    `What it took to find out which of the hundred can be called, in a hundred questions of the program:\n`,
  );
  printTable(
    [
      { title: "" },
      { title: "Presences", align: "right" },
      { title: "New hashes", align: "right" },
      { title: "Answered at once", align: "right", color: colors.green },
      { title: "Contacts asked", align: "right", color: colors.yellow },
      { title: "kB for that", align: "right" },
    ],
    rows,
  );
}

main().catch((error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${colors.red("The example failed:")} ${message}\n`);
  process.exitCode = 1;
});
