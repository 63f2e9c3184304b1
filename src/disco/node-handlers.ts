import type { DataForm } from "../forms/data-form.js";
import { type Address, show, toJid } from "../xml/jid.js";
import { toOptionalText } from "../xml/text.js";
import type { DiscoInfo, Identity } from "./info.js";
import type { ItemPage, PageStart } from "./item-page.js";
import type { DiscoItems, ItemInit } from "./items.js";

/** Whose data is meant: an entity's, one of its nodes', a node of that name of any entity, or all. */
export interface Owner {
  readonly jid?: Address | undefined;
  readonly node?: string | null | undefined;
}

/** An identity to be removed: in all languages where none is given. */
export interface IdentityKey {
  readonly category: string;
  readonly type: string;
  readonly lang?: string | undefined;
}

/** The actions that can be handled: what each is given as `data`, and what it results in. */
export interface NodeActions {
  getInfo: { data: undefined; result: DiscoInfo };
  getItems: { data: undefined; result: DiscoItems | ItemPage };
  setIdentities: { data: readonly Identity[]; result: unknown };
  addIdentity: { data: Identity; result: unknown };
  delIdentity: { data: IdentityKey; result: unknown };
  delIdentities: { data: undefined; result: unknown };
  setFeatures: { data: readonly string[]; result: unknown };
  addFeature: { data: string; result: unknown };
  delFeature: { data: string; result: unknown };
  delFeatures: { data: undefined; result: unknown };
  setItems: { data: readonly ItemInit[]; result: unknown };
  addItem: { data: ItemInit; result: unknown };
  delItem: { data: ItemInit; result: unknown };
  delItems: { data: undefined; result: unknown };
  setForms: { data: readonly DataForm[]; result: unknown };
  addForm: { data: DataForm; result: unknown };
  delForm: { data: string; result: unknown };
  cacheInfo: { data: DiscoInfo; result: unknown };
  getCachedInfo: { data: undefined; result: DiscoInfo | undefined };
  supports: { data: string; result: boolean };
  hasIdentity: {
    data: { category: string; type?: string | undefined; lang?: string | undefined };
    result: boolean;
  };
}

/** The name of an action. */
export type NodeAction = keyof NodeActions;

/** What a handler is told. */
export interface NodeContext<A extends NodeAction = NodeAction> {
  /** The entity that is meant; undefined for a client that is off line. */
  readonly jid: string | undefined;
  /** The node that is meant; undefined for the entity itself. */
  readonly node: string | undefined;
  /** Who asks; undefined where the application itself does. */
  readonly from: string | undefined;
  /** The language that who asks would like. */
  readonly lang: string | undefined;
  /**
   * The part of the list that is asked for (`getItems`), undefined where all of it is. A handler returns an
   * {@link ItemPage}, or leaves the cutting to the server with a `DiscoItems` of all. `after` and `before` are the JID of
   * an item, followed by a line feed and its node where it has one.
   */
  readonly page: PageStart | undefined;
  /** What the method was given that goes through the handler. */
  readonly data: NodeActions[A]["data"];
}

/**
 * An application's own way to do an action, sync or async. `next()` does what would be done without it, with the same
 * data or other.
 */
export type NodeHandler<A extends NodeAction> = (
  context: NodeContext<A>,
  next: (data?: NodeActions[A]["data"]) => Promise<NodeActions[A]["result"]>,
) => NodeActions[A]["result"] | Promise<NodeActions[A]["result"]>;

/** All actions by name. */
const ACTIONS: Readonly<Record<NodeAction, true>> = {
  getInfo: true,
  getItems: true,
  setIdentities: true,
  addIdentity: true,
  delIdentity: true,
  delIdentities: true,
  setFeatures: true,
  addFeature: true,
  delFeature: true,
  delFeatures: true,
  setItems: true,
  addItem: true,
  delItem: true,
  delItems: true,
  setForms: true,
  addForm: true,
  delForm: true,
  cacheInfo: true,
  getCachedInfo: true,
  supports: true,
  hasIdentity: true,
};

/** Stands for the default among the handlers. */
const DEFAULT = Symbol("default");

type AnyHandler = NodeHandler<NodeAction>;
type Level = AnyHandler | typeof DEFAULT;

/**
 * The handlers of one server. Of those that fit, the most specific wins, whatever the order of their registration:
 * `{ jid, node }`, `{ jid }`, `{ node }` of any JID, `{}`.
 */
export class NodeHandlers {
  readonly #levels = new Map<NodeAction, Map<string, Level>>();

  set(action: NodeAction, handler: Level, owner: Owner): void {
    const name = toAction(action);
    const levels = this.#levels.get(name) ?? new Map<string, Level>();
    levels.set(levelKey(toOwner(owner)), handler);
    this.#levels.set(name, levels);
  }

  /** @throws Error when there is none at this level */
  delete(action: NodeAction, owner: Owner): void {
    const { jid, node } = toOwner(owner);
    if (!this.#levels.get(toAction(action))?.delete(levelKey({ jid, node }))) {
      throw new Error(`there is no handler for ${action} at { jid: ${show(jid)}, node: ${show(node)} }`);
    }
  }

  restoreDefaults(owner: Owner, actions: readonly NodeAction[] = Object.keys(ACTIONS) as NodeAction[]): void {
    for (const action of actions.map(toAction)) this.set(action, DEFAULT, owner);
  }

  /** Does an action, through the handlers that fit, at last in the default way. */
  run<A extends NodeAction>(
    action: A,
    context: NodeContext<A>,
    byDefault: (data: NodeActions[A]["data"]) => NodeActions[A]["result"] | Promise<NodeActions[A]["result"]>,
  ): NodeActions[A]["result"] | Promise<NodeActions[A]["result"]> {
    const levels = this.#levels.get(action);
    if (levels === undefined || levels.size === 0) return byDefault(context.data);
    const { jid, node } = context;
    const keys = new Set([{ jid, node }, { jid }, { node }, {}].map(levelKey));
    const chain = [...keys].map((key) => levels.get(key)).filter((level) => level !== undefined);
    const call = (
      at: number,
      data: NodeActions[A]["data"],
    ): NodeActions[A]["result"] | Promise<NodeActions[A]["result"]> => {
      const level = chain[at];
      if (level === undefined || level === DEFAULT) return byDefault(data);
      // `setNodeHandler` has seen to it that the handler is one of this action.
      const handler = level as unknown as NodeHandler<A>;
      return handler({ ...context, data }, async (other = data) => call(at + 1, other));
    };
    return call(0, context.data);
  }
}

/** An action, checked. @throws TypeError when there is none of this name */
function toAction(action: NodeAction): NodeAction {
  if (Object.hasOwn(ACTIONS, action)) return action;
  throw new TypeError(`there is no action ${show(action)}; there are ${Object.keys(ACTIONS).join(", ")}`);
}

/** An owner, checked. @throws TypeError when it is none, or its parts are none */
export function toOwner(owner: Owner): { jid: string | undefined; node: string | undefined } {
  // A JID, or a word misspelt, would mean everything.
  const isOther = (value: object) => Object.keys(value).length > 0 && !("jid" in value) && !("node" in value);
  if (typeof owner !== "object" || owner === null || isOther(owner)) {
    throw new TypeError(`an owner is { jid, node }, { jid }, { node } or {}, not ${show(owner)}`);
  }
  return {
    jid: owner.jid === undefined ? undefined : toJid(owner.jid),
    node: toOptionalText(owner.node, "node"),
  };
}

function levelKey({ jid = "", node = "" }: { jid?: string | undefined; node?: string | undefined }): string {
  // No JID has the separator in it.
  return `${jid}\0${node}`;
}

/** A handler, checked. @throws TypeError when it is no function */
export function toHandler<A extends NodeAction>(handler: NodeHandler<A>): AnyHandler {
  if (typeof handler !== "function") throw new TypeError(`handler is no function: ${show(handler)}`);
  return handler as unknown as AnyHandler;
}
