import { describe, expect, it } from "vitest";
import {
  canonicalHash,
  findHashFunction,
  fromBase64,
  HASH_FUNCTIONS,
  hashFunction,
  TRUSTED_HASH_FUNCTIONS,
} from "../../../src/caps/digest.js";

// Of "abc": RFC 1321, FIPS 180-4, FIPS 202, and b2sum of GNU coreutils.
const ABC: [name: string, hex: string][] = [
  ["md5", "900150983cd24fb0d6963f7d28e17f72"],
  ["sha-1", "a9993e364706816aba3e25717850c26c9cd0d89d"],
  ["sha-224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"],
  ["sha-256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "sha-384",
    "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
  ],
  [
    "sha-512",
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
  ],
  ["sha3-256", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"],
  [
    "sha3-512",
    "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
  ],
  ["blake2b-256", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"],
  [
    "blake2b-512",
    "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
  ],
];

const base64 = (hex: string) =>
  btoa(hex.replace(/../g, (octet) => String.fromCharCode(Number.parseInt(octet, 16))));

describe("hash functions", () => {
  it.each(ABC)("there is %s", (name, hex) => {
    expect(hashFunction(name).digest("abc")).toBe(base64(hex));
    expect(hashFunction(name).size).toBe(hex.length / 2);
  });

  it("there are no others", () => {
    expect([...HASH_FUNCTIONS].sort()).toEqual(ABC.map(([name]) => name).sort());
  });

  it("are known by their names in any case", () => {
    expect(hashFunction("SHA-1")).toBe(hashFunction("sha-1"));
    expect(findHashFunction("Sha3-256")?.name).toBe("sha3-256");
  });

  it.each(["", "sha1", "x-rot13", "shake128", "constructor", "__proto__", " sha-1"])("%j is none", (name) => {
    expect(findHashFunction(name)).toBeUndefined();
    expect(() => hashFunction(name)).toThrow(RangeError);
  });

  it("the error for an unknown one tells which there are", () => {
    expect(() => hashFunction("x-rot13")).toThrow(
      'unknown hash function "x-rot13"; there are sha-1, sha-224, sha-256, sha-384, sha-512, sha3-256, sha3-512, blake2b-256, blake2b-512, md5',
    );
    expect(() => hashFunction(undefined as unknown as string)).toThrow(RangeError);
  });

  it("are all trusted but MD5", () => {
    expect(HASH_FUNCTIONS.filter((name) => !TRUSTED_HASH_FUNCTIONS.has(name))).toEqual(["md5"]);
  });
});

describe("base64", () => {
  it("is read with white space, and without padding", () => {
    expect(fromBase64(" AA\n==")).toEqual(new Uint8Array([0]));
    expect(fromBase64("AA")).toEqual(new Uint8Array([0]));
  });

  it.each(["A", "AA=", "A===", "A-_A", "é", "A\u0000AA"])("%j is none", (text) => {
    expect(fromBase64(text)).toBeUndefined();
  });

  it("of a hash has one form", () => {
    const fn = hashFunction("sha-1");
    const hash = fn.digest("");
    expect(canonicalHash(fn, ` ${hash.slice(0, -1)}`)).toBe(hash);
    // The last digit has four bits that do not count.
    expect(hash.endsWith("k=")).toBe(true);
    expect(canonicalHash(fn, `${hash.slice(0, -2)}l=`)).toBe(hash);
    expect(canonicalHash(fn, "AAAA")).toBeUndefined();
    expect(canonicalHash(hashFunction("sha-256"), hash)).toBeUndefined();
  });
});
