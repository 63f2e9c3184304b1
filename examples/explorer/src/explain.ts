import { IqError, IqTimeout, MalformedResponse, ServiceDismissed, SessionLost } from "xmpp-disco";

/** A failure in plain words. */
export interface Explanation {
  /** What it is called: a condition, or the kind of failure. */
  readonly condition: string;
  /** What happened. */
  readonly what: string;
  /** What to do about it. */
  readonly advice: string;
  /** The peer's own words, which are to be shown as a peer's. */
  readonly said?: string | undefined;
}

// https://www.rfc-editor.org/rfc/rfc6120#section-8.3.3
const CONDITIONS: Readonly<Record<string, readonly [what: string, advice: string]>> = {
  "bad-request": [
    "It did not understand the question.",
    "Its software may be faulty; trying again rarely helps.",
  ],
  conflict: ["Something of that name is there already.", "Try again later."],
  "feature-not-implemented": ["It does not know how to answer this.", "It may be asked for something else."],
  forbidden: ["You are not allowed to know.", "Ask its owner for access, or log in with another account."],
  gone: ["It has moved away for good.", "Its words below may say where to."],
  "internal-server-error": ["Something broke at the other end.", "Try again in a while."],
  "item-not-found": ["There is no such address or node.", "Check the spelling; it may have been removed."],
  "jid-malformed": ["The other end takes this for no valid address.", "Check the spelling."],
  "not-acceptable": ["The other end does not accept the question.", "Its words below may say why."],
  "not-allowed": ["Nobody is allowed to ask this.", "There is nothing to be done from here."],
  "not-authorized": ["It wants to know who you are first.", "Log in with an account, or with another one."],
  "payment-required": ["It answers only those who pay.", "Its words below may say how."],
  "policy-violation": [
    "The question is against its rules.",
    "Wait a while: you may have asked too much at once.",
  ],
  "recipient-unavailable": ["It is not on line.", "Try again when it is."],
  redirect: ["It asks you to turn to another address.", "Its words below may say which."],
  "registration-required": [
    "It answers only those who are registered with it.",
    "Register with this service first.",
  ],
  "remote-server-not-found": [
    "Your server cannot find its server.",
    "Check the spelling of the domain. Your server may also have no connections to others.",
  ],
  "remote-server-timeout": [
    "Its server could not be reached in time.",
    "That server may be down: try again later.",
  ],
  "resource-constraint": ["The other end is too busy.", "Try again in a while."],
  "service-unavailable": [
    "Nobody there answers such questions.",
    "It may be off line, not be a service at all, or not be willing to tell you.",
  ],
  "subscription-required": ["It answers only its contacts.", "Add it to your contacts first."],
  "undefined-condition": [
    "It refused, and gave no reason that is known here.",
    "Its words below may say more.",
  ],
  "unexpected-request": ["The question came at the wrong moment.", "Try again."],
};

/** Why a question was not answered. */
export function explain(error: unknown): Explanation {
  if (error instanceof IqError) {
    const [what, advice] = CONDITIONS[error.condition] ?? [
      "It refused, for a reason that is not known here.",
      error.type === "wait" ? "Try again later." : "Trying again may not help.",
    ];
    return { condition: error.condition, what, advice, said: error.text };
  }
  if (error instanceof IqTimeout) {
    return {
      condition: "timeout",
      what: `No answer came within ${Math.round(error.timeout / 100) / 10} seconds.`,
      advice: "It may be slow or down. An answer that still comes is shown by itself.",
    };
  }
  if (error instanceof ServiceDismissed) {
    return {
      condition: "logged out",
      what: "You logged out before the answer came.",
      advice: "Log in again.",
    };
  }
  if (error instanceof SessionLost) {
    return {
      condition: "connection lost",
      what: "The connection to your server was lost before the answer came.",
      advice: "Try again as soon as you are connected.",
    };
  }
  if (error instanceof MalformedResponse) {
    return {
      condition: "unusable answer",
      what: "It answered, but with nothing that could be used.",
      advice: "Its software is at fault; trying again rarely helps.",
    };
  }
  return {
    condition: "error",
    what: "Something went wrong in this page.",
    advice: "Try again.",
    said: error instanceof Error ? error.message : String(error),
  };
}

/** Why somebody could not log in. */
export class LoginFailure extends Error {
  override readonly name = "LoginFailure";
  /** What to do about it. */
  readonly advice: string;
  /** The field of the form that is at fault. */
  readonly field: "service" | "jid" | "password" | undefined;

  constructor(message: string, advice: string, field?: LoginFailure["field"]) {
    super(message);
    this.advice = advice;
    this.field = field;
  }
}

/** Why the log-in failed, as far as a browser lets one know. */
export async function explainLogin(
  error: unknown,
  service: string,
  isAnonymous: boolean,
): Promise<LoginFailure> {
  if (error instanceof LoginFailure) return error;
  const { name, condition, code, message } = facts(error);
  if (name === "SASLError" || /mechanism/i.test(message)) return explainSasl(condition, isAnonymous);
  if (name === "StreamError" || condition !== undefined) return explainStream(condition);
  if (code === "ECONNERROR") return explainSocket(service);
  if (name === "TimeoutError") {
    return new LoginFailure(
      "The server took the connection and then said nothing.",
      "It may be overloaded, or no XMPP server at all. Check the service address, or try again in a while.",
      "service",
    );
  }
  if (name === "XMLError" || /xml|parse|syntax|closed/i.test(message)) return noXmpp();
  return new LoginFailure(
    "Logging in failed.",
    `Check the service address and try again. The browser says: ${message.slice(0, 200)}`,
  );
}

function facts(error: unknown): { name: string; condition?: string; code?: string; message: string } {
  if (!(error instanceof Error)) return { name: "", message: String(error) };
  const { condition, code } = error as Error & { condition?: unknown; code?: unknown };
  return {
    name: error.name,
    message: error.message,
    ...(typeof condition === "string" ? { condition } : {}),
    ...(typeof code === "string" ? { code } : {}),
  };
}

function explainSasl(condition: string | undefined, isAnonymous: boolean): LoginFailure {
  if (isAnonymous) {
    return new LoginFailure(
      "This server lets nobody in anonymously.",
      "Try another domain: many servers have one of its own for guests. Or log in with an account.",
      "jid",
    );
  }
  switch (condition) {
    case "not-authorized":
    case "invalid-authzid":
      return new LoginFailure(
        "The address or the password is wrong.",
        "Check both: upper and lower case matter in the password. Nothing was stored.",
        "password",
      );
    case "account-disabled":
    case "credentials-expired":
      return new LoginFailure("This account may not log in any more.", "Ask who runs the server.", "jid");
    case "temporary-auth-failure":
      return new LoginFailure("The server cannot check passwords right now.", "Try again in a while.");
    default:
      return new LoginFailure(
        "The server offers no way to log in that this page knows.",
        "A browser sends a password over wss:// (or to this very machine) only. Use such an address, or log in anonymously.",
        "service",
      );
  }
}

function explainStream(condition: string | undefined): LoginFailure {
  if (condition === "host-unknown" || condition === "host-gone" || condition === "improper-addressing") {
    return new LoginFailure(
      "The server answers, but does not serve this domain.",
      "Check the part after the @ of the address, or the domain; it has to be one that this server hosts.",
      "jid",
    );
  }
  return new LoginFailure(
    `The server ended the connection${condition === undefined ? "" : ` (${condition})`}.`,
    "Try again in a while; if it stays so, ask who runs the server.",
  );
}

/** A browser does not say why a WebSocket failed. Whether anything answers there at all can be found out. */
async function explainSocket(service: string): Promise<LoginFailure> {
  const url = URL.parse(service.replace(/^ws/, "http"));
  if (url === null) return new LoginFailure("This is no address.", ADDRESS_HELP, "service");
  try {
    await fetch(url, {
      mode: "no-cors",
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(4_000),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") {
      return new LoginFailure(
        `${url.host} does not answer.`,
        "A firewall may be in between. Check the host and the port, and your network.",
        "service",
      );
    }
    const certificate =
      url.protocol === "https:" ? " If it is there, its certificate may not be one the browser trusts." : "";
    return new LoginFailure(
      `Nobody can be reached at ${url.host}.`,
      `The connection is refused, or there is no such host. Check the host and the port, and that the server runs with WebSocket enabled.${certificate}`,
      "service",
    );
  }
  return noXmpp();
}

function noXmpp(): LoginFailure {
  return new LoginFailure(
    "Something answers there, but it is no XMPP server.",
    `It speaks HTTP, and no XMPP over WebSocket at this path. ${ADDRESS_HELP}`,
    "service",
  );
}

const ADDRESS_HELP =
  "The address usually looks like wss://example.org/xmpp-websocket (Prosody) or wss://example.org:5443/ws (ejabberd).";
