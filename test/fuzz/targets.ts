import type { Target } from "./target.ts";
import { client } from "./targets/client.ts";
import { failure } from "./targets/failure.ts";
import { form } from "./targets/form.ts";
import { info } from "./targets/info.ts";
import { items } from "./targets/items.ts";
import { jid } from "./targets/jid.ts";
import { presence } from "./targets/presence.ts";
import { requestTarget } from "./targets/request.ts";
import { rsm } from "./targets/rsm.ts";
import { store } from "./targets/store.ts";
import { text } from "./targets/text.ts";
import { uri } from "./targets/uri.ts";

/** All that is fuzzed. */
export const TARGETS: readonly Target[] = [
  info,
  items,
  form,
  rsm,
  presence,
  store,
  uri,
  jid,
  text,
  failure,
  requestTarget,
  client,
];
