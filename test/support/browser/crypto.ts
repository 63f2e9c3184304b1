// The handshake of @xmpp/component, which is for Node.js, and which some tests speak with.
import { sha1 } from "@noble/hashes/legacy.js";

export function createHash() {
  let text = "";
  return {
    update: (more: string) => {
      text += more;
    },
    digest: () =>
      Array.from(sha1(new TextEncoder().encode(text)), (octet) => octet.toString(16).padStart(2, "0")).join(
        "",
      ),
  };
}
