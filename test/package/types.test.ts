import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT, runNode, writeProgram } from "./consumer.ts";

const TSC = join(ROOT, "node_modules/typescript/bin/tsc");

// What a consumer writes. It leaves out `import … from "@xmpp/client"`, whose own types (0.14.1) have errors
// of theirs under "nodenext".
const CONSUMER = `
import {
  DataForm, DiscoClient, DiscoServer, type Entity, EntityCapsService, registerFeature, Service, withServices, xep0390,
} from "xmpp-disco";
declare const entity: Entity & { start(): Promise<void> };
class Receipts extends Service {
  readonly feature = registerFeature(this, "urn:xmpp:receipts");
}
export async function main(): Promise<string | undefined> {
  const xmpp = withServices(entity);
  const disco = xmpp.summon(DiscoClient, { infoCacheSize: 5 });
  xmpp.summon(DiscoServer).registerForm(new DataForm({ formType: "a", fields: { a: "b", c: ["d"] } }));
  xmpp.summon(Receipts).feature.enabled = false;
  xmpp.summon(EntityCapsService, { node: "https://my.app/" });
  await xmpp.start();
  disco.on("info", (jid, node, info) => [jid.length, node?.length, info.features]);
  const info = await disco.queryInfo("example.org", { timeout: 5, signal: AbortSignal.timeout(5) });
  const value: string = await xep0390.hash(info, "sha-256");
  return info.form("x")?.get("y")[0] ?? info.element?.toString() ?? value;
}
`;

const WRONG = `
import { DiscoClient, type Entity, withServices } from "xmpp-disco";
declare const entity: Entity;
withServices(entity).summon(DiscoClient, { infoCacheSize: "many" });
export const info: Promise<string> = withServices(entity).summon(DiscoClient).queryInfo("example.org");
`;

/** Type-checks programs as a project of their own, strictly and libraries included; gives what is wrong. */
async function check(files: readonly string[], moduleResolution: string, module: string): Promise<string[]> {
  const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true };
  const compilerOptions = { ...strict, target: "es2022", module, moduleResolution };
  const project = await writeProgram("tsconfig.json", JSON.stringify({ compilerOptions, files }));
  const { stdout, stderr } = await runNode([TSC, "--pretty", "false", "--project", project]);
  expect(stderr).toBe("");
  // What is indented goes on with the line before.
  return stdout.split("\n").filter((line) => /^\S/.test(line));
}

test.each([
  ["nodenext", "nodenext"],
  ["bundler", "esnext"],
])("a consumer type-checks in strict mode, libraries included, with moduleResolution %s", async (...how) => {
  await writeProgram("right.ts", CONSUMER);
  await writeProgram("wrong.ts", WRONG);
  // The types are really there: what they forbid is found, and nothing else.
  expect(await check(["right.ts", "wrong.ts"], ...how)).toEqual([
    expect.stringMatching(/\bwrong\.ts\(4,44\): error TS2322/),
    expect.stringMatching(/\bwrong\.ts\(5,14\): error TS2322/),
  ]);
});
