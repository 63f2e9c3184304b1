import { IqError, IqTimeout, MalformedResponse, SessionLost } from "../index.js";
import { safe } from "./text.js";

/** What the command ends with: one code for each kind of failure. */
export const EXIT = Object.freeze({
  ok: 0,
  other: 1,
  usage: 2,
  connection: 3,
  login: 4,
  refused: 5,
  timeout: 6,
  malformed: 7,
  lost: 8,
  nothing: 9,
  interrupted: 130,
});

/** What the exit codes mean, for the help. */
export const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: "it worked",
  other: "something else",
  usage: "the command was not understood",
  connection: "the server cannot be reached, or is none",
  login: "the server does not let you in",
  refused: "the entity refused, or does not exist",
  timeout: "the entity did not answer in time",
  malformed: "the answer makes no sense, or is not what was announced",
  lost: "the connection was lost",
  nothing: "nothing was found",
  interrupted: "Ctrl-C",
};

/** A failure that a person is told of in words of ours, and what they can do about it; nothing is said where that is empty. */
export class Failure extends Error {
  override readonly name = "Failure";
  readonly exitCode: number;
  readonly advice: string | undefined;

  constructor(exitCode: number, message: string, advice?: string, cause?: unknown) {
    super(message, { cause });
    this.exitCode = exitCode;
    this.advice = advice;
  }
}

/** What became of a query, in words. */
export function queryFailure(error: unknown, who: string): Failure {
  if (error instanceof Failure) return error;
  const reason = reasonOf(error);
  if (error instanceof IqError) {
    return new Failure(EXIT.refused, `${who} answers ${reason}`, ADVICE.get(error.condition), error);
  }
  if (error instanceof IqTimeout) {
    const seconds = Math.ceil((3 * error.timeout) / 1_000);
    return new Failure(EXIT.timeout, `${who}: ${reason}`, `Try --timeout ${seconds}.`, error);
  }
  // xmpp.js throws it from within its parser.
  if (error instanceof Error && /^Illegal XML/.test(error.message)) {
    return new Failure(EXIT.malformed, `the server sends what is no XML: ${reason}`, undefined, error);
  }
  if (error instanceof MalformedResponse) {
    return new Failure(EXIT.malformed, `the answer of ${who} makes no sense: ${reason}`, undefined, error);
  }
  if (error instanceof SessionLost) return new Failure(EXIT.lost, reason, undefined, error);
  if (error instanceof TypeError || error instanceof RangeError) {
    return new Failure(EXIT.usage, reason, undefined, error);
  }
  return new Failure(EXIT.other, reason, undefined, error);
}

/** What went wrong with a query, in as few words as go behind a name. */
export function reasonOf(error: unknown): string {
  if (error instanceof IqError) {
    return error.text ? `${error.condition} (“${safe(error.text)}”)` : error.condition;
  }
  if (error instanceof IqTimeout) return `no answer within ${error.timeout / 1_000} s`;
  return safe(error instanceof Error ? error.message : String(error));
}

const ADVICE: ReadonlyMap<string, string> = new Map([
  [
    "item-not-found",
    "There is no such entity or node, or not for you. Without a node the entity itself is asked.",
  ],
  ["service-unavailable", "Nobody is there under this JID, or they do not answer strangers."],
  ["recipient-unavailable", "They are off line."],
  ["remote-server-not-found", "The domain does not exist, or has no XMPP server. Is it spelled right?"],
  ["remote-server-timeout", "The other server cannot be reached. Is it spelled right? Else try again later."],
  ["forbidden", "The entity does not answer you."],
  ["not-allowed", "The entity does not answer you; a room may have to be joined first."],
  ["subscription-required", "Only contacts are answered: ask for a subscription first."],
  ["registration-required", "Only members are answered: register first."],
  ["feature-not-implemented", "The entity knows no service discovery."],
]);

const NOT_XMPP = "Is it an XMPP server, and is the port one for clients (5222, as a rule)?";
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ALTNAME|CRL/;

/** Why one cannot get in, in words. */
export function loginFailure(error: unknown, service: string): Failure {
  if (error instanceof Failure) return error;
  const { name, condition, text, ...rest } = error as Record<string, string | undefined>;
  // Those of DOMException are numbers.
  const code = typeof rest["code"] === "string" ? rest["code"] : undefined;
  const message = error instanceof Error ? error.message : String(error);
  const unreachable = (what: string, advice?: string) => new Failure(EXIT.connection, what, advice, error);
  const refused = (what: string, advice?: string) => new Failure(EXIT.login, what, advice, error);
  if (name === "SASLError") {
    const said = text ? ` (“${safe(text)}”)` : "";
    if (condition === "not-authorized") {
      return refused(
        `the server does not accept this user name and password${said}`,
        "Check the password, and the part of the JID before the @.",
      );
    }
    return refused(
      `the server does not let you in: ${safe(condition ?? message)}${said}`,
      SASL_ADVICE.get(condition ?? ""),
    );
  }
  if (name === "StreamError") {
    const advice =
      condition === "host-unknown" ? "Is the domain spelled right, and --service its server?" : undefined;
    return unreachable(
      `${service} ends the stream: ${safe(condition ?? message)}${text ? ` (“${safe(text)}”)` : ""}`,
      advice,
    );
  }
  if (code === "ENOTFOUND") {
    return unreachable(
      `there is no host ${service}`,
      "Is it spelled right? --service says where the server is.",
    );
  }
  if (code === "EAI_AGAIN" || code === "ETIMEOUT" || code === "ESERVFAIL") {
    return unreachable(
      `the name ${service} cannot be looked up: ${code}`,
      "Is it spelled right, and is there a network?",
    );
  }
  if (code === "ECONNREFUSED" || code === "ECONNERROR" || message === "Couldn't connect") {
    return unreachable(
      `nobody answers at ${service}`,
      "Does the server run, and is the port right? --service says where it is.",
    );
  }
  if (code === "EHOSTUNREACH" || code === "ENETUNREACH") {
    return unreachable(`there is no way to ${service}`, "Is there a network?");
  }
  if (code !== undefined && CERTIFICATE.test(code)) {
    return unreachable(
      `the certificate of ${service} does not verify: ${safe(message)}`,
      "If you know the certificate and trust it: NODE_EXTRA_CA_CERTS=certificate.pem xmpp-disco …",
    );
  }
  if (code === "EPROTO" || code?.startsWith("ERR_SSL")) {
    return unreachable(
      `${service} does not talk TLS`,
      "xmpps:// is for ports with TLS from the start; xmpp:// starts without.",
    );
  }
  if (name === "XMLError") return unreachable(`${service} does not talk XMPP`, NOT_XMPP);
  if (message.startsWith("Unexpected server response")) {
    return unreachable(
      `${service} is no WebSocket: ${safe(message)}`,
      "Is the path right, such as wss://example.org/xmpp-websocket?",
    );
  }
  return unreachable(`the connection to ${service} failed: ${safe(message || code || "no reason is given")}`);
}

/** Nothing has come from the server for so many milliseconds. */
export function silence(service: string, timeout: number): Failure {
  return new Failure(EXIT.connection, `${service} has said nothing for ${timeout / 1_000} s`, NOT_XMPP);
}

const SASL_ADVICE: ReadonlyMap<string, string> = new Map([
  ["account-disabled", "The account is disabled: ask who runs the server."],
  ["credentials-expired", "The password has expired: set a new one."],
  ["temporary-auth-failure", "Try again later."],
  ["encryption-required", "The server wants encryption: use xmpps:// or wss:// in --service."],
]);
