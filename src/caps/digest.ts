import { blake2b } from "@noble/hashes/blake2.js";
import { md5, sha1 } from "@noble/hashes/legacy.js";
import { sha224, sha256, sha384, sha512 } from "@noble/hashes/sha2.js";
import { sha3_256, sha3_512 } from "@noble/hashes/sha3.js";
import { show } from "../xml/jid.js";

/** A hash function under its name in XEP-0300, which for the older ones is that of IANA. */
export interface HashFunction {
  readonly name: string;
  /** How many octets a hash has. */
  readonly size: number;
  /** Whether a result that was verified with it may be shared: MD5 can be forged, and XEP-0414 forbids it. */
  readonly trusted: boolean;
  /** The hash of a text in UTF-8, as base64. */
  digest(text: string): string;
}

type Software = (octets: Uint8Array) => Uint8Array;
type Platform = (algorithm: string, text: string, encoding: "base64") => string;

const utf8 = new TextEncoder();

const FUNCTIONS: ReadonlyMap<string, HashFunction> = new Map(
  [
    define("sha-1", 20, sha1, "sha1"),
    define("sha-224", 28, sha224, "sha224"),
    define("sha-256", 32, sha256, "sha256"),
    define("sha-384", 48, sha384, "sha384"),
    define("sha-512", 64, sha512, "sha512"),
    define("sha3-256", 32, sha3_256, "sha3-256"),
    define("sha3-512", 64, sha3_512, "sha3-512"),
    // Node has it in one length only, and the length takes part in the hash.
    define("blake2b-256", 32, (octets) => blake2b(octets, { dkLen: 32 })),
    define("blake2b-512", 64, blake2b, "blake2b512"),
    define("md5", 16, md5, "md5", false),
  ].map((fn) => [fn.name, fn]),
);

/** The names of the hash functions there are. */
export const HASH_FUNCTIONS: readonly string[] = Object.freeze([...FUNCTIONS.keys()]);

/** The names of those whose results may be shared. */
export const TRUSTED_HASH_FUNCTIONS: ReadonlySet<string> = new Set(
  HASH_FUNCTIONS.filter((name) => FUNCTIONS.get(name)?.trusted),
);

/** The hash function of this name, whatever its case, or undefined where there is none. */
export function findHashFunction(name: string): HashFunction | undefined {
  return FUNCTIONS.get(name) ?? FUNCTIONS.get(name.toLowerCase());
}

/** The hash function of this name, whatever its case. @throws RangeError when there is none */
export function hashFunction(name: string): HashFunction {
  const found = typeof name === "string" ? findHashFunction(name) : undefined;
  if (found === undefined) {
    throw new RangeError(`unknown hash function ${show(name)}; there are ${HASH_FUNCTIONS.join(", ")}`);
  }
  return found;
}

/** Octets as base64 (RFC 4648 §4). */
export function toBase64(octets: Uint8Array): string {
  let binary = "";
  for (const octet of octets) binary += String.fromCharCode(octet);
  return btoa(binary);
}

/** The octets of a base64 text, or undefined where it is none; white space and missing padding do no harm. */
export function fromBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

/** A hash as {@link HashFunction.digest} writes it, or undefined where the text is no hash of that function. */
export function canonicalHash(fn: HashFunction, text: string): string | undefined {
  const octets = fromBase64(text);
  return octets?.length === fn.size ? toBase64(octets) : undefined;
}

function define(
  name: string,
  size: number,
  software: Software,
  platformName?: string,
  trusted = true,
): HashFunction {
  let digest: ((text: string) => string) | undefined;
  return {
    name,
    size,
    trusted,
    digest(text) {
      // At first use rather than on import, so that importing has no effects.
      digest ??= platformDigest(platformName) ?? ((input) => toBase64(software(utf8.encode(input))));
      return digest(text);
    },
  };
}

/**
 * Node's own function, five to ten times as fast, or undefined where there is none: in browsers, before Node 20.16, or
 * where its OpenSSL lacks it.
 */
function platformDigest(name: string | undefined): ((text: string) => string) | undefined {
  if (name === undefined) return undefined;
  // No import, which bundlers for browsers would follow.
  const { process } = globalThis as unknown as { process?: { getBuiltinModule?: (id: string) => unknown } };
  try {
    const crypto = process?.getBuiltinModule?.("node:crypto") as { hash?: Platform } | undefined;
    const hash = crypto?.hash;
    if (hash === undefined) return undefined;
    // Throws where the build or policy of OpenSSL leaves the function out.
    hash(name, "", "base64");
    return (text) => hash(name, text, "base64");
  } catch {
    return undefined;
  }
}
