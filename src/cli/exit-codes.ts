import { IqError, IqTimeout, MalformedResponse, SessionLost } from "../index.js";

/** What the command ends with: one code for each kind of failure. */
export const EXIT = Object.freeze({
  ok: 0,
  other: 1,
  /** The command was not understood. */
  usage: 2,
  /** The server cannot be reached, or is none. */
  connection: 3,
  /** The server does not let one in. */
  login: 4,
  /** The entity refused, or does not exist. */
  refused: 5,
  /** The entity did not answer in time. */
  timeout: 6,
  /** The answer makes no sense. */
  malformed: 7,
  /** The connection was lost. */
  lost: 8,
  /** Ctrl-C. */
  interrupted: 130,
});

/** A failure that a person is told of in words of ours, and what they can do about it. */
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
  if (error instanceof IqError) {
    const text = error.text === undefined ? "" : ` (“${error.text}”)`;
    return new Failure(
      EXIT.refused,
      `${who} answers ${error.condition}${text}`,
      ADVICE.get(error.condition),
      error,
    );
  }
  if (error instanceof IqTimeout) {
    return new Failure(
      EXIT.timeout,
      `${who} has not answered within ${error.timeout} ms`,
      "Try --timeout 60.",
      error,
    );
  }
  if (error instanceof MalformedResponse) {
    return new Failure(
      EXIT.malformed,
      `the answer of ${who} makes no sense: ${error.message}`,
      undefined,
      error,
    );
  }
  if (error instanceof SessionLost) {
    return new Failure(EXIT.lost, `the connection was lost: ${error.message}`, undefined, error);
  }
  if (error instanceof TypeError || error instanceof RangeError) {
    return new Failure(EXIT.usage, error.message, undefined, error);
  }
  return new Failure(EXIT.other, error instanceof Error ? error.message : String(error), undefined, error);
}

const ADVICE: ReadonlyMap<string, string> = new Map([
  ["item-not-found", "There is no such node, or not for you. Without a node the entity itself is asked."],
  ["service-unavailable", "Nobody is there under this JID, or they do not answer strangers."],
  ["remote-server-not-found", "The domain does not exist, or has no XMPP server. Is it spelled right?"],
  ["remote-server-timeout", "The other server does not answer. Try again later."],
  ["forbidden", "The entity does not answer you."],
  ["not-allowed", "The entity does not answer you; a room may have to be joined first."],
  ["subscription-required", "Only contacts are answered: ask for a subscription first."],
  ["feature-not-implemented", "The entity knows no service discovery."],
]);

/** Why one cannot get in, in words. */
export function loginFailure(error: unknown, service: string): Failure {
  if (error instanceof Failure) return error;
  const { name, code, condition, message } = error as Record<string, string | undefined>;
  if (name === "SASLError" || condition === "not-authorized") {
    return new Failure(
      EXIT.login,
      "the server does not accept this user name and password",
      "Check both.",
      error,
    );
  }
  if (message?.startsWith("SASL: No compatible mechanism")) {
    return new Failure(EXIT.login, message, "Anonymous log-in may be off: give --jid.", error);
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new Failure(EXIT.connection, `there is no host ${service}`, "Is it spelled right?", error);
  }
  if (code === "ECONNREFUSED") {
    return new Failure(
      EXIT.connection,
      `nobody listens at ${service}`,
      "Is the port right? --service says which.",
      error,
    );
  }
  if (code !== undefined && /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME|ERR_TLS/.test(code)) {
    const advice = "If you know the certificate: NODE_EXTRA_CA_CERTS=file.pem.";
    return new Failure(
      EXIT.connection,
      `the certificate of ${service} does not verify: ${message}`,
      advice,
      error,
    );
  }
  if (name === "TimeoutError" || name === "XMLError") {
    const advice = "Is it an XMPP server, and is the port one for clients?";
    return new Failure(EXIT.connection, `${service} does not talk XMPP`, advice, error);
  }
  return new Failure(
    EXIT.connection,
    `the connection to ${service} failed: ${message || code || error}`,
    undefined,
    error,
  );
}
