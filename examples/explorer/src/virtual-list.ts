import { h, perFrame, setAttributes } from "./dom.ts";

/** How a {@link VirtualList} is made. */
export interface VirtualListOptions<T> {
  readonly role: "tree" | "listbox";
  readonly label: string;
  /** Names a row, also over changes of the list. */
  readonly key: (item: T) => string;
  /** Changes whenever the row is to be drawn again. */
  readonly signature: (item: T) => string;
  /** Draws a row: its content and attributes. */
  readonly render: (item: T, row: HTMLElement) => void;
  readonly onActivate: (item: T, row: HTMLElement, event: Event) => void;
  /** Keys beyond those that move through a list; true where it was one. */
  readonly onKey?: (event: KeyboardEvent, item: T, index: number) => boolean;
  /** What typing letters looks for. */
  readonly textOf?: (item: T) => string;
}

const OVERSCAN = 6;
const TYPEAHEAD_PAUSE = 700;
let lists = 0;

/**
 * A list of any length of which only what is seen is in the page.
 *
 * It has the focus itself and names the active row by `aria-activedescendant`; that row is always in the page.
 */
export class VirtualList<T> {
  readonly element: HTMLElement;
  readonly #options: VirtualListOptions<T>;
  readonly #canvas: HTMLElement;
  readonly #rows = new Map<string, { readonly element: HTMLElement; signature: string; index: number }>();
  readonly #prefix: string;
  #items: readonly T[] = [];
  #active = 0;
  #activeKey: string | undefined;
  #typed = "";
  #typedAt = 0;
  readonly #draw = perFrame(() => this.#render());

  constructor(options: VirtualListOptions<T>) {
    this.#options = options;
    lists += 1;
    this.#prefix = `list-${lists}`;
    this.#canvas = h("div", { class: "canvas", role: "presentation" });
    this.element = h(
      "div",
      { class: "virtual", role: options.role, "aria-label": options.label, tabindex: "0" },
      this.#canvas,
    );
    this.element.addEventListener("scroll", this.#draw, { passive: true });
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
    this.element.addEventListener("click", (event) => this.#onClick(event));
    this.element.addEventListener("focus", () => this.#scrollToActive());
    new ResizeObserver(this.#draw).observe(this.element);
  }

  get items(): readonly T[] {
    return this.#items;
  }

  get active(): T | undefined {
    return this.#items[this.#active];
  }

  /** Shows other items; the active one stays active where it is still there. */
  set(items: readonly T[]): void {
    const { key } = this.#options;
    this.#items = items;
    const here = items[this.#active];
    if (this.#activeKey === undefined || here === undefined || key(here) !== this.#activeKey) {
      const index = items.findIndex((item) => key(item) === this.#activeKey);
      this.#active = index === -1 ? Math.max(0, Math.min(this.#active, items.length - 1)) : index;
    }
    this.#draw();
  }

  /** Draws again what has changed. */
  refresh(): void {
    this.#draw();
  }

  /** Makes a row the active one, and brings it into view. */
  activate(index: number): void {
    const item = this.#items[index];
    if (item === undefined) return;
    this.#active = index;
    this.#activeKey = this.#options.key(item);
    this.#scrollToActive();
    this.#render();
  }

  get #rowHeight(): number {
    const root = getComputedStyle(document.documentElement);
    // In rem: it grows with the letters.
    return Number.parseFloat(root.getPropertyValue("--row")) * Number.parseFloat(root.fontSize);
  }

  #scrollToActive(): void {
    const height = this.#rowHeight;
    const top = this.#active * height;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + height > scrollTop + clientHeight) this.element.scrollTop = top + height - clientHeight;
    this.#draw();
  }

  #render(): void {
    const { key, signature, render, role } = this.#options;
    const height = this.#rowHeight;
    this.#canvas.style.height = `${this.#items.length * height}px`;
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / height) - OVERSCAN);
    const last = Math.min(this.#items.length, Math.ceil((scrollTop + clientHeight) / height) + OVERSCAN);
    const indices = new Set<number>();
    for (let index = first; index < last; index += 1) indices.add(index);
    if (this.#active < this.#items.length) indices.add(this.#active);
    const kept = new Set<string>();
    let activeId: string | undefined;
    for (const index of indices) {
      const item = this.#items[index] as T;
      const name = key(item);
      kept.add(name);
      let row = this.#rows.get(name);
      if (row === undefined) {
        const element = h("div", { class: "row", role: role === "tree" ? "treeitem" : "option" });
        nextRow += 1;
        element.id = `${this.#prefix}-${nextRow}`;
        row = { element, signature: "", index };
        this.#rows.set(name, row);
        this.#canvas.append(element);
      }
      const isActive = index === this.#active;
      const wanted = `${isActive}\n${signature(item)}`;
      if (row.signature !== wanted) {
        row.signature = wanted;
        render(item, row.element);
        row.element.classList.toggle("active", isActive);
      }
      row.index = index;
      row.element.style.transform = `translateY(${index * height}px)`;
      if (role === "listbox") {
        setAttributes(row.element, {
          "aria-posinset": String(index + 1),
          "aria-setsize": String(this.#items.length),
        });
      }
      if (isActive) activeId = row.element.id;
    }
    for (const [name, { element }] of this.#rows) {
      if (kept.has(name)) continue;
      element.remove();
      this.#rows.delete(name);
    }
    setAttributes(this.element, { "aria-activedescendant": activeId });
  }

  #onClick(event: MouseEvent): void {
    const element = (event.target as Element).closest<HTMLElement>(".row");
    if (element === null) return;
    for (const row of this.#rows.values()) {
      if (row.element !== element) continue;
      const item = this.#items[row.index];
      if (item === undefined) return;
      this.activate(row.index);
      this.#options.onActivate(item, element, event);
      return;
    }
  }

  #onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target !== this.element) return;
    const item = this.active;
    if (item === undefined) return;
    if (this.#move(event, item)) event.preventDefault();
  }

  #move(event: KeyboardEvent, item: T): boolean {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#rowHeight) - 1);
    const last = this.#items.length - 1;
    if (this.#options.onKey?.(event, item, this.#active)) return true;
    switch (event.key) {
      case "ArrowDown":
        this.activate(Math.min(last, this.#active + 1));
        return true;
      case "ArrowUp":
        this.activate(Math.max(0, this.#active - 1));
        return true;
      case "PageDown":
        this.activate(Math.min(last, this.#active + page));
        return true;
      case "PageUp":
        this.activate(Math.max(0, this.#active - page));
        return true;
      case "Home":
        this.activate(0);
        return true;
      case "End":
        this.activate(last);
        return true;
      case "Enter":
      case " ":
        this.#options.onActivate(item, this.#elementOf(item), event);
        return true;
      default:
        return event.key.length === 1 && this.#typeAhead(event.key);
    }
  }

  #elementOf(item: T): HTMLElement {
    return this.#rows.get(this.#options.key(item))?.element ?? this.element;
  }

  #typeAhead(letter: string): boolean {
    const { textOf } = this.#options;
    if (textOf === undefined) return false;
    const now = performance.now();
    this.#typed =
      now - this.#typedAt < TYPEAHEAD_PAUSE ? this.#typed + letter.toLowerCase() : letter.toLowerCase();
    this.#typedAt = now;
    const start = this.#typed.length === 1 ? this.#active + 1 : this.#active;
    for (let step = 0; step < this.#items.length; step += 1) {
      const index = (start + step) % this.#items.length;
      const item = this.#items[index];
      if (item !== undefined && textOf(item).slice(0, 100).toLowerCase().startsWith(this.#typed)) {
        this.activate(index);
        return true;
      }
    }
    return true;
  }
}

let nextRow = 0;
