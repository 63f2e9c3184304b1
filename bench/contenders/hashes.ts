import { DiscoInfo, xep0115, xep0390 } from "xmpp-disco";
import { parse } from "../../test/support/xml.ts";
import { captures } from "../inputs.ts";
import { assert, type Contenders, repeat } from "../task.ts";
import { hash115, hash390, read } from "./floor.ts";
import { stanzaCaps, stanzaRead } from "./stanza.ts";

const all = captures();

/** Hashes what was parsed before, over and over. */
function hashing<T>(infos: readonly T[], hash: (info: T) => unknown, expected: readonly string[]) {
  for (const [index, info] of infos.entries()) {
    assert(hash(info) === expected[index], `hash ${index} is ${hash(info)}, not ${expected[index]}`);
  }
  return repeat(() => {
    for (const info of infos) hash(info);
    return infos.length;
  });
}

const vers = all.map(({ ver }) => ver);
const sha256s = all.map(({ sha256 }) => sha256);

export const hash115Of: Contenders = {
  "xmpp-disco": () =>
    hashing(
      all.map(({ xml }) => DiscoInfo.fromElement(parse(xml))),
      (info) => xep0115.hash(info),
      vers,
    ),
  floor: () =>
    hashing(
      all.map(({ xml }) => read(parse(xml))),
      hash115,
      vers,
    ),
  stanza: () =>
    hashing(
      all.map(({ xml }) => stanzaRead(xml)),
      (info) => stanzaCaps.generate(info, "sha-1"),
      vers,
    ),
};

export const hash390Of: Contenders = {
  "xmpp-disco": () =>
    hashing(
      all.map(({ xml }) => DiscoInfo.fromElement(parse(xml))),
      (info) => xep0390.hash(info),
      sha256s,
    ),
  floor: () =>
    hashing(
      all.map(({ xml }) => read(parse(xml))),
      hash390,
      sha256s,
    ),
};

/** Reads and verifies texts, over and over. */
function verifying(verify: (xml: string, ver: string) => boolean) {
  assert(
    all.every(({ xml, ver }) => verify(xml, ver)),
    "what matches does not verify",
  );
  return repeat(() => {
    for (const { xml, ver } of all) verify(xml, ver);
    return all.length;
  });
}

export const verified: Contenders = {
  "xmpp-disco": () => verifying((xml, ver) => xep0115.verify(DiscoInfo.fromElement(parse(xml)), ver)),
  floor: () => verifying((xml) => parse(xml).name === "query"),
  stanza: () => verifying((xml, ver) => stanzaCaps.verify(stanzaRead(xml), "sha-1", ver)),
};
