const KEY = "xmpp-disco-explorer";

/** How the page looks: as the system does, or not. */
export type Theme = "auto" | "light" | "dark";

/** What is remembered between visits; never a password. */
export interface Settings {
  readonly service: string;
  readonly jid: string;
  readonly domain: string;
  readonly anonymous: boolean;
  readonly theme: Theme;
}

const DEFAULTS: Settings = { service: "", jid: "", domain: "", anonymous: false, theme: "auto" };

/** What was remembered, and over it what the address of the page says: `?service=…&jid=…&domain=…`. */
export function loadSettings(): Settings {
  let stored: Partial<Record<keyof Settings, unknown>> = {};
  try {
    stored = JSON.parse(localStorage.getItem(KEY) ?? "{}") ?? {};
  } catch {
    // Storage is off, or somebody else's.
  }
  const query = new URLSearchParams(location.search);
  const text = (name: "service" | "jid" | "domain") =>
    query.get(name) ?? (typeof stored[name] === "string" ? stored[name] : DEFAULTS[name]);
  const { theme } = stored;
  return {
    service: text("service"),
    jid: text("jid"),
    domain: text("domain"),
    anonymous: query.has("anonymous") || (stored.anonymous === true && !query.has("jid")),
    theme: theme === "light" || theme === "dark" ? theme : "auto",
  };
}

/** Remembers some of it. */
export function saveSettings(changes: Partial<Settings>): void {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "{}") as object;
    localStorage.setItem(KEY, JSON.stringify({ ...stored, ...changes }));
  } catch {
    // Then nothing is remembered.
  }
}
