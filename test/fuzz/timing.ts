import type { Element } from "@xmpp/xml";
import { Announcements } from "../../src/caps/announcements.ts";
import { safe, toJson } from "../../src/cli/text.ts";
import { checkInfo, checkItems, toLimits } from "../../src/disco/limits.ts";
import {
  DataForm,
  DiscoInfo,
  DiscoItems,
  EntityCapsCache,
  NS_CAPS,
  NS_CAPS2,
  NS_DATA_FORMS,
  NS_DISCO_INFO,
  NS_DISCO_ITEMS,
  NS_HASHES,
  NS_RSM,
  xep0115,
  xep0390,
} from "../../src/index.ts";
import { parsePageRequest, parseResultSet } from "../../src/rsm/result-set.ts";
import { canonicalJid, toJid } from "../../src/xml/jid.ts";
import { readElement } from "./markup.ts";

const SIZES = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
const ENDLESS = {
  identities: Infinity,
  features: Infinity,
  forms: Infinity,
  fields: Infinity,
  items: Infinity,
  textBytes: Infinity,
  depth: Infinity,
};
const limits = toLimits(ENDLESS);

/** What takes time, and an input of about so many bytes for it. */
interface Row {
  readonly what: string;
  readonly shape: string;
  readonly input: (bytes: number) => string;
  /** Made of the input before time is taken. */
  readonly prepare: (input: string) => () => unknown;
}

const repeat = (part: (at: number) => string, bytes: number) => {
  const { length } = part(0);
  return Array.from({ length: Math.max(1, Math.round(bytes / length)) }, (_, at) => part(at)).join("");
};
const info = (content: string) => `<query xmlns="${NS_DISCO_INFO}">${content}</query>`;
const form = (content: string) =>
  info(
    `<x xmlns="${NS_DATA_FORMS}" type="result"><field var="FORM_TYPE" type="hidden"><value>urn:x</value></field>${content}</x>`,
  );

const SHAPES: Readonly<Record<string, (bytes: number) => string>> = {
  "many features": (bytes) => info(repeat((at) => `<feature var="urn:example:${at % 97}:${at}"/>`, bytes)),
  "many identities": (bytes) =>
    info(repeat((at) => `<identity category="a" type="t${at}" name="n"/>`, bytes)),
  "one long name": (bytes) =>
    info(`<identity category="a" type="b" name="${"ä<".replace("<", "&lt;").repeat(bytes / 6)}"/>`),
  "many forms": (bytes) =>
    info(
      repeat(
        (at) =>
          `<x xmlns="${NS_DATA_FORMS}"><field var="FORM_TYPE" type="hidden"><value>u${at}</value></field></x>`,
        bytes,
      ),
    ),
  "many fields": (bytes) => form(repeat((at) => `<field var="f${at}"><value>${at}</value></field>`, bytes)),
  "fields of one name": (bytes) => form(repeat((at) => `<field var="f"><value>${at}</value></field>`, bytes)),
  "FORM_TYPE many times": (bytes) =>
    form(repeat(() => '<field var="FORM_TYPE" type="hidden"><value>urn:x</value></field>', bytes)),
  "many values": (bytes) => form(`<field var="f">${repeat((at) => `<value>v${at}</value>`, bytes)}</field>`),
  "elements in elements": (bytes) => info(`${"<a>".repeat(bytes / 7)}${"</a>".repeat(bytes / 7)}`),
  "many texts": (bytes) => info(repeat(() => "x<a/>", bytes)),
};

const element = (input: string): Element => {
  const read = readElement(input);
  if (read === undefined) throw new Error("it is no XML");
  return read;
};

function infoRows(): Row[] {
  return Object.entries(SHAPES).flatMap(([shape, input]): Row[] => [
    {
      what: "read an answer to disco#info",
      shape,
      input,
      prepare: (text) => {
        const query = element(text);
        return () => checkInfo(DiscoInfo.fromElement(query), limits, query);
      },
    },
    {
      what: "hash it by XEP-0115",
      shape,
      input,
      prepare: (text) => {
        const query = element(text);
        const told = DiscoInfo.fromElement(query);
        // What is found out of an information is kept with it.
        return () => xep0115.vouched(told.withSource({}), xep0115.hash(told.withSource({})));
      },
    },
    {
      what: "hash it by XEP-0390",
      shape,
      input,
      prepare: (text) => {
        const told = DiscoInfo.fromElement(element(text));
        return () => xep0390.vouched(told.withSource({}), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
      },
    },
  ]);
}

const items = (set: string) => (bytes: number) =>
  `<query xmlns="${NS_DISCO_ITEMS}">${repeat((at) => `<item jid="r${at}@rooms.example" name="R"/>`, bytes)}${set}</query>`;
const announcements = new Announcements([xep0390, xep0115], 100);
const readPresence = (text: string) => {
  const presence = element(text);
  return () => announcements.read(presence, () => true);
};
const readSet = (text: string) => {
  const query = element(text);
  return () => {
    parseResultSet(query);
    try {
      parsePageRequest(query);
    } catch {
      // Its numbers are none.
    }
  };
};

const ROWS: readonly Row[] = [
  ...infoRows(),
  {
    what: "read an answer to disco#items",
    shape: "many items",
    input: items(`<set xmlns="${NS_RSM}"><last>a</last></set>`),
    prepare: (text) => {
      const query = element(text);
      return () => checkItems(DiscoItems.fromElement(query), limits, query);
    },
  },
  {
    what: "read a form",
    shape: "many fields",
    input: SHAPES["many fields"] as Row["input"],
    prepare: (text) => {
      const x = element(text).getChild("x") as Element;
      return () => DataForm.fromElement(x).toElement();
    },
  },
  {
    what: "read a set of pages",
    shape: "many children",
    input: (bytes) =>
      `<query><set xmlns="${NS_RSM}">${repeat((at) => `<last>${at}</last>`, bytes)}</set></query>`,
    prepare: readSet,
  },
  {
    what: "read a set of pages",
    shape: "a long number",
    input: (bytes) =>
      `<query><set xmlns="${NS_RSM}"><count>${" ".repeat(bytes)}x</count><max>${"1".repeat(bytes / 2)}x</max></set></query>`,
    prepare: readSet,
  },
  {
    what: "read a presence",
    shape: "many hashes",
    input: (bytes) =>
      `<presence><c xmlns="${NS_CAPS2}">${repeat((at) => `<hash xmlns="${NS_HASHES}" algo="x${at}">AAAA</hash>`, bytes)}</c></presence>`,
    prepare: readPresence,
  },
  {
    what: "read a presence",
    shape: "many c",
    input: (bytes) =>
      `<presence>${repeat((at) => `<c xmlns="${NS_CAPS}" hash="sha-1" node="n" ver="${at}"/>`, bytes)}</presence>`,
    prepare: readPresence,
  },
  {
    what: "read a presence",
    shape: "a long hash",
    input: (bytes) =>
      `<presence><c xmlns="${NS_CAPS2}"><hash xmlns="${NS_HASHES}" algo="sha-256">${"A ".repeat(bytes / 2)}</hash></c></presence>`,
    prepare: readPresence,
  },
  {
    what: "read what a store has",
    shape: "many features",
    input: (bytes) =>
      JSON.stringify({
        features: repeat((at) => `urn:${at},`, bytes)
          .split(",")
          .filter(Boolean),
      }),
    prepare: (text) => {
      const value = "QgayPKawpkPSDYmwT/WM94uAlu0=";
      const key = xep0115.key(value) ?? "";
      return () =>
        new EntityCapsCache({ store: { get: () => text, set: () => {} } }).get({
          caps: xep0115,
          algorithm: "sha-1",
          value,
          key,
          node: "n",
        });
    },
  },
  {
    what: "show a text on a terminal",
    shape: "controls",
    input: (bytes) => "\u001b[31m".repeat(bytes / 5),
    prepare: (text) => () => safe(text),
  },
  {
    what: "show a text as JSON",
    shape: "controls",
    input: (bytes) => "\u009b\u202e".repeat(bytes / 5),
    prepare: (text) => () => toJson(text),
  },
  {
    what: "read a JID",
    shape: "many @ and /",
    input: (bytes) => "a@/".repeat(bytes / 3),
    prepare: (text) => () => canonicalJid(text),
  },
  {
    what: "read a caller's JID",
    shape: "many spaces",
    input: (bytes) => `a${" ".repeat(bytes)}b@x`,
    prepare: (text) => () => {
      try {
        return toJid(text);
      } catch {
        return undefined;
      }
    },
  },
];

/** A cost that grows with the size alone stays the same by the byte; sorting adds a little. */
const MAX_GROWTH = 8;

/** After an input that takes so many milliseconds, larger ones are not tried. */
const TOO_LONG = 2_000;

/**
 * The time that each thing takes by the byte, in inputs of growing size, as a table in Markdown. Resolves with whether
 * all grow with the size and no faster.
 */
export async function timeTable(print: (line: string) => void): Promise<boolean> {
  let isLinear = true;
  print(`| what | with | ${SIZES.map(sizeOf).join(" | ")} | longest |`);
  print(`| --- | --- | ${SIZES.map(() => "---:").join(" | ")} | ---: |`);
  for (const { what, shape, input, prepare } of ROWS) {
    const times: number[] = [];
    let longest = 0;
    for (const size of SIZES) {
      // What has grown too fast already would take hours.
      if (longest > TOO_LONG) break;
      const text = input(size);
      const time = await timeOf(prepare(text), size);
      longest = time;
      times.push((time * 1_000_000) / Buffer.byteLength(text));
    }
    const [, , middle = 0] = times;
    // What is quick in small inputs and has a limit, such as the length of a JID, costs nothing by the byte.
    const isFine =
      times.length === SIZES.length &&
      times.slice(3).every((time) => time <= Math.max(2, middle) * MAX_GROWTH);
    isLinear &&= isFine;
    print(
      `| ${what} | ${shape} | ${SIZES.map((_, at) => times[at])
        .map((time) => shownTime(time))
        .join(" | ")} | ` + `${longest.toFixed(longest < 10 ? 1 : 0)} ms${isFine ? "" : " (!)"} |`,
    );
  }
  return isLinear;
}

function shownTime(time: number | undefined): string {
  if (time === undefined) return "–";
  return time < 0.1 ? "0" : time.toFixed(time < 10 ? 1 : 0);
}

function sizeOf(bytes: number): string {
  return bytes < 1_000_000 ? `${bytes / 1_000} kB` : `${bytes / 1_000_000} MB`;
}

/** The processor's time that something takes, in milliseconds: the least of a few. */
async function timeOf(run: () => unknown, size: number): Promise<number> {
  let least = Infinity;
  const times = Math.max(1, Math.min(200, 200_000 / size));
  for (let round = 0; round < 4 && !(least > TOO_LONG && least < Infinity); round++) {
    const before = process.cpuUsage();
    for (let at = 0; at < times; at++) await run();
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1_000 / times);
  }
  return least;
}
