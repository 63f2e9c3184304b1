type Value = string | number | boolean | undefined | ((event: Event) => void);
export type Child = Node | string | number | false | undefined;

/** An element; functions are listeners, texts become text nodes and never markup. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, Value>> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  assign(element, attributes);
  for (const child of children) {
    if (child !== undefined && child !== false)
      element.append(typeof child === "number" ? String(child) : child);
  }
  return element;
}

/** An element of SVG. */
export function svg(
  tag: string,
  attributes: Readonly<Record<string, Value>>,
  ...children: Child[]
): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  assign(element, attributes);
  for (const child of children) {
    if (child !== undefined && child !== false)
      element.append(typeof child === "number" ? String(child) : child);
  }
  return element;
}

function assign(element: Element, attributes: Readonly<Record<string, Value>>): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
}

/** The element with this id, which the page has. */
export function byId<T extends HTMLElement>(id: string, Class: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof Class)) throw new Error(`the page has no #${id}`);
  return element;
}

/** Sets or removes attributes. */
export function setAttributes(
  element: Element,
  attributes: Readonly<Record<string, string | undefined>>,
): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) element.removeAttribute(name);
    else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }
}

/** Runs at most once per frame, however often it is called. */
export function perFrame(run: () => void): () => void {
  let isDue = false;
  return () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      run();
    });
  };
}

let pending: ReturnType<typeof setTimeout> | undefined;

/** Has a screen reader say something, when it has nothing else to say. */
export function announce(text: string): void {
  const live = byId("live", HTMLElement);
  clearTimeout(pending);
  // A region that is emptied first says the same text twice.
  live.textContent = "";
  pending = setTimeout(() => {
    live.textContent = text;
  }, 150);
}

const ICONS: Readonly<Record<string, string>> = {
  server: "M4 4h16v6H4zM4 14h16v6H4zM7.5 7h.01M7.5 17h.01",
  conference: "M4 5h16v11H10l-4 4v-4H4z",
  pubsub: "M5 19a1 1 0 1 0 .01 0M5 12a7 7 0 0 1 7 7M5 5a14 14 0 0 1 14 14",
  account: "M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21a8 8 0 0 1 16 0",
  client: "M4 5h16v11H4zM9 20h6M12 16v4",
  store: "M4 7h16v13H4zM4 7l2-3h12l2 3M10 12h4",
  proxy: "M4 8h13l-3-3M20 16H7l3 3",
  directory: "M4 5h6l2 2h8v12H4z",
  automation: "M13 3 5 14h6l-1 7 8-11h-6z",
  hierarchy: "M4 6h16M8 12h12M12 18h8",
  component: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  compass: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM15.5 8.5l-2 5-5 2 2-5z",
  unknown: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16z",
  failed: "M12 4 3 20h18zM12 10v4M12 17h.01",
  chevron: "M9 6l6 6-6 6",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM20 20l-4.8-4.8",
};

/** A drawing beside a text that says the same. */
export function icon(name: string): SVGElement {
  return svg(
    "svg",
    {
      viewBox: "0 0 24 24",
      class: `icon icon-${name in ICONS ? name : "component"}`,
      "aria-hidden": "true",
      focusable: "false",
    },
    svg("path", { d: ICONS[name] ?? ICONS["component"] }),
  );
}
