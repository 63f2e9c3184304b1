import xml, { type Element } from "@xmpp/xml";
import { childElements } from "../xml/element.js";
import { show } from "../xml/jid.js";
import { withoutBadCharacters } from "../xml/text.js";

/** The namespace of the defined conditions and of `<text/>` in an `<error/>` (RFC 6120 §8.3.3). */
export const NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

const CONDITION = /^[a-z][a-z-]*$/;

/** What to do about a stanza error (RFC 6120 §8.3.2). */
export type ErrorType = "auth" | "cancel" | "continue" | "modify" | "wait";

/** The base of all failures of a request, so that one `catch` can tell them from the programmer's errors. */
export abstract class XMPPError extends Error {
  override readonly name: string = "XMPPError";
}

/** No answer came in time. The answer may come yet: it is cached then, and told by events. */
export class IqTimeout extends XMPPError {
  override readonly name = "IqTimeout";
  /** The `<iq/>` that was sent; undefined where a primed future, or a look-up by a capability hash, was waited for. */
  readonly request: Element | undefined;
  /** How long was waited, in milliseconds. */
  readonly timeout: number;

  constructor(request: Element | undefined, timeout: number) {
    const to: unknown = request?.attrs.to;
    super(`no answer${to === undefined ? "" : ` from ${to}`} within ${timeout} ms`);
    this.request = request;
    this.timeout = timeout;
  }
}

/** The session was lost while the answer was due, or there was none to ask in. */
export class SessionLost extends XMPPError {
  override readonly name: string = "SessionLost";
}

/** The service that was asked has been dismissed. */
export class ServiceDismissed extends SessionLost {
  override readonly name = "ServiceDismissed";
}

/** The answer has nothing in it that could be used. */
export class MalformedResponse extends XMPPError {
  override readonly name = "MalformedResponse";
  /** What came. */
  readonly element: Element | undefined;

  constructor(message: string, element?: Element) {
    super(message);
    this.element = element;
  }
}

/** What an {@link IqError} is made of. */
export interface IqErrorInit {
  /** What to do about it; by default what RFC 6120 §8.3.3 has for the condition. */
  readonly type?: ErrorType | undefined;
  /** For people. */
  readonly text?: string | undefined;
  /** An application's own condition. */
  readonly application?: Element | undefined;
  /** The JID of who reported the error, where it is not who was asked (RFC 6120 §8.3.1). */
  readonly by?: string | undefined;
  /** The code of XEP-0086, which servers of old send. */
  readonly code?: number | undefined;
  /** The error stanza. */
  readonly iq?: Element | undefined;
}

/**
 * The answer was an error (RFC 6120 §8.3). Thrown in a handler, it is the answer.
 *
 * @example
 * throw new IqError("forbidden", { text: "Members only" });
 */
export class IqError extends XMPPError {
  override readonly name = "IqError";
  /** The defined condition, such as `item-not-found`; `undefined-condition` where the peer gave none. */
  readonly condition: string;
  /** What to do about it: `cancel` is for good, `wait` says later. */
  readonly type: ErrorType;
  /** For people, from the peer. */
  readonly text: string | undefined;
  /** An application's own condition, where there is one. */
  readonly application: Element | undefined;
  /** The JID of who reported it, where it is not who was asked. */
  readonly by: string | undefined;
  /** The code of XEP-0086, where a server of old sent one. */
  readonly code: number | undefined;
  /** The error stanza; undefined where the application made the error. */
  readonly iq: Element | undefined;

  constructor(condition: string, init: IqErrorInit = {}) {
    // It becomes the name of an element.
    if (typeof condition !== "string" || !CONDITION.test(condition)) {
      throw new TypeError(
        `condition is none of RFC 6120 §8.3.3, such as "item-not-found": ${show(condition)}`,
      );
    }
    const from: unknown = init.iq?.attrs.from;
    const source = from === undefined ? "" : ` from ${from}`;
    super(`${condition}${source}${init.text === undefined ? "" : `: ${init.text}`}`);
    this.condition = condition;
    this.type = init.type ?? DEFAULT_TYPES.get(condition) ?? "cancel";
    this.text = init.text;
    this.application = init.application;
    this.by = init.by;
    this.code = init.code;
    this.iq = init.iq;
  }

  /** The error that an `<iq type="error"/>` tells; one without `<error/>` is an `undefined-condition`. */
  static fromElement(iq: Element): IqError {
    let condition: string | undefined;
    let text: string | undefined;
    let application: Element | undefined;
    // What was asked may come back with it, and have any name.
    const errors = childElements(iq).filter((child) => child.is("error"));
    const error = errors.find((child) => child.getNS() === iq.getNS()) ?? errors[0];
    for (const child of error === undefined ? [] : childElements(error)) {
      const name = child.getName();
      if (child.getNS() !== NS_STANZAS) application ??= child;
      else if (name === "text") text ??= child.getText();
      else if (CONDITION.test(name)) condition ??= name;
    }
    const code = /^\d{3}$/.test(error?.attrs.code ?? "") ? Number(error?.attrs.code) : undefined;
    const [legacyCondition, legacyType] = (code !== undefined && LEGACY_CODES.get(code)) || [];
    const type: unknown = error?.attrs.type;
    const legacyText = condition === undefined ? error?.getText().trim() || undefined : undefined;
    return new IqError(condition ?? legacyCondition ?? "undefined-condition", {
      type: isErrorType(type) ? type : condition === undefined ? legacyType : undefined,
      text: text ?? legacyText,
      application,
      by: error?.attrs.by,
      code,
      iq,
    });
  }

  /** The `<error/>` that tells this error. */
  toElement(): Element {
    const element = xml(
      "error",
      { type: this.type, by: this.by },
      xml(this.condition, { xmlns: NS_STANZAS }),
    );
    if (this.text !== undefined)
      element.append(xml("text", { xmlns: NS_STANZAS }, withoutBadCharacters(this.text)));
    if (this.application !== undefined) element.append(this.application);
    return element;
  }
}

/**
 * The `<error/>` to answer with when a handler threw this, or undefined where that was no stanza error.
 *
 * A `StanzaError` of xmpp.js is one by its shape: `@xmpp/component` has a class of its own.
 */
export function errorElement(thrown: unknown): Element | undefined {
  if (thrown instanceof IqError) return thrown.toElement();
  if (!(thrown instanceof Error) || thrown.name !== "StanzaError" || !("condition" in thrown))
    return undefined;
  const { condition, type, text, application } = thrown as Error & Record<string, unknown>;
  try {
    return new IqError(String(condition), {
      type: isErrorType(type) ? type : undefined,
      text: typeof text === "string" && text !== "" ? text : undefined,
      application: isElement(application) ? application : undefined,
    }).toElement();
  } catch {
    return undefined;
  }
}

function isErrorType(value: unknown): value is ErrorType {
  return typeof value === "string" && ["auth", "cancel", "continue", "modify", "wait"].includes(value);
}

function isElement(value: unknown): value is Element {
  return typeof value === "object" && value !== null && "attrs" in value && "children" in value;
}

// https://www.rfc-editor.org/rfc/rfc6120#section-8.3.3; what is not here is "cancel".
const DEFAULT_TYPES: ReadonlyMap<string, ErrorType> = new Map([
  ["bad-request", "modify"],
  ["forbidden", "auth"],
  ["jid-malformed", "modify"],
  ["not-acceptable", "modify"],
  ["not-authorized", "auth"],
  ["payment-required", "auth"],
  ["policy-violation", "modify"],
  ["recipient-unavailable", "wait"],
  ["redirect", "modify"],
  ["registration-required", "auth"],
  ["remote-server-timeout", "wait"],
  ["resource-constraint", "wait"],
  ["subscription-required", "auth"],
  ["undefined-condition", "cancel"],
  ["unexpected-request", "wait"],
]);

// https://xmpp.org/extensions/xep-0086.html, table 1
const LEGACY_CODES: ReadonlyMap<number, readonly [condition: string, type: ErrorType]> = new Map([
  [302, ["redirect", "modify"]],
  [400, ["bad-request", "modify"]],
  [401, ["not-authorized", "auth"]],
  [402, ["payment-required", "auth"]],
  [403, ["forbidden", "auth"]],
  [404, ["item-not-found", "cancel"]],
  [405, ["not-allowed", "cancel"]],
  [406, ["not-acceptable", "modify"]],
  [407, ["registration-required", "auth"]],
  [408, ["remote-server-timeout", "wait"]],
  [409, ["conflict", "cancel"]],
  [500, ["internal-server-error", "wait"]],
  [501, ["feature-not-implemented", "cancel"]],
  [502, ["service-unavailable", "wait"]],
  [503, ["service-unavailable", "cancel"]],
  [504, ["remote-server-timeout", "wait"]],
  [510, ["service-unavailable", "cancel"]],
]);
