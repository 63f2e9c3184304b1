import { readFile } from "node:fs/promises";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { expect, test } from "vitest";
import { PACKED } from "./consumer.ts";

/** What are-the-types-wrong says of every package that is ESM alone: the kind, and in which resolution. */
const OF_ESM_ALONE = [
  // TypeScript wants `import()` of it from CommonJS, since Node.js before 20.19 cannot `require` ESM. So it is meant.
  "CJSResolvesToESM of . in node16-cjs",
];

test("publint finds nothing", async () => {
  const tarball = new Blob([await readFile(PACKED.tarball)]).stream();
  const { messages, pkg = {} } = await publint({ pack: { tarball }, strict: true });
  expect(pkg["name"]).toBe("xmpp-disco");
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
});

test("are-the-types-wrong finds nothing but that it is ESM", async () => {
  const result = await checkPackage(createPackageFromTarballData(await readFile(PACKED.tarball)));
  if (result.types === false) throw new Error("it finds no types");
  expect(Object.keys(result.entrypoints)).toEqual([".", "./package.json"]);
  const problems = result.problems.map((problem) =>
    "resolutionKind" in problem
      ? `${problem.kind} of ${problem.entrypoint} in ${problem.resolutionKind}`
      : JSON.stringify(problem),
  );
  expect(problems).toEqual(OF_ESM_ALONE);
});
