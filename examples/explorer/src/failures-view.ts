import { saidLine } from "./detail-view.ts";
import { announce, h } from "./dom.ts";
import { explain } from "./explain.ts";
import type { Failure, Model, Thing } from "./model.ts";
import { peerText } from "./text.ts";

const SHOWN = 200;

/** What failed, why, and a way to try again. */
export class FailuresView {
  readonly element: HTMLElement;
  readonly heading = h("h2", { tabindex: "-1" }, "Failures");
  readonly #model: Model;
  readonly #open: (thing: Thing) => void;
  readonly #summary = h("p", { class: "lead" });
  readonly #all = h("button", { type: "button", onclick: () => void this.#retryAll() }, "Try all again");
  readonly #list = h("ul", { class: "failures" });
  #shown = "none";

  constructor(model: Model, open: (thing: Thing) => void) {
    this.#model = model;
    this.#open = open;
    this.element = h(
      "div",
      { class: "page" },
      this.heading,
      h("div", { class: "bar" }, this.#summary, this.#all),
      this.#list,
    );
  }

  update(): void {
    const failures = [...this.#model.failures.values()].reverse();
    const signature = failures
      .map(({ kind, thing, attempts }) => `${kind}${thing.id}:${attempts}:${thing.state}:${thing.itemsState}`)
      .join();
    if (signature === this.#shown) return;
    this.#shown = signature;
    const count = failures.length;
    this.#summary.textContent =
      count === 0
        ? "Everything that was asked has been answered."
        : `${count.toLocaleString("en")} ${count === 1 ? "question has" : "questions have"} not been answered.`;
    this.#all.hidden = count < 2;
    const focused = this.#list.contains(document.activeElement)
      ? document.activeElement?.getAttribute("data-key")
      : undefined;
    this.#list.replaceChildren(...failures.slice(0, SHOWN).map((failure) => this.#failure(failure)));
    if (focused === null || focused === undefined) return;
    const same = this.#list.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`);
    // What succeeded is gone, and the focus with it.
    (same ?? this.heading).focus();
  }

  #failure(failure: Failure): HTMLElement {
    const { kind, thing, error, when, attempts } = failure;
    const { condition, what, advice, said } = explain(error);
    const isAsking = (kind === "info" ? thing.state : thing.itemsState) === "asking";
    const open = () => this.#open(thing);
    return h(
      "li",
      { class: "failure" },
      h(
        "div",
        {},
        h(
          "p",
          {},
          h("button", { type: "button", class: "link", onclick: open }, peerText(thing.jid, 80)),
          thing.node === undefined ? "" : h("code", { class: "muted" }, " ", peerText(thing.node, 60)),
          h("span", { class: "muted" }, kind === "info" ? " · what it is" : " · its items"),
        ),
        h("p", {}, h("strong", {}, what), " ", advice),
        ...saidLine(condition, said),
        h(
          "p",
          { class: "muted small" },
          h("time", { datetime: when.toISOString() }, when.toLocaleTimeString("en", { hour12: false })),
          attempts > 1 ? ` · tried ${attempts} times` : "",
        ),
      ),
      h(
        "button",
        {
          type: "button",
          "data-key": `${kind} ${thing.id}`,
          "aria-disabled": isAsking ? "true" : undefined,
          onclick: () => void this.#retry(failure),
        },
        isAsking ? "Trying …" : "Try again",
      ),
    );
  }

  async #retry(failure: Failure): Promise<void> {
    const { kind, thing } = failure;
    if ((kind === "info" ? thing.state : thing.itemsState) === "asking") return;
    await this.#model.retry(failure);
    const failed = (kind === "info" ? thing.state : thing.itemsState) === "failed";
    announce(
      failed
        ? `Failed again: ${explain(kind === "info" ? thing.error : thing.itemsError).what}`
        : "Answered now",
    );
  }

  async #retryAll(): Promise<void> {
    const all = [...this.#model.failures.values()];
    for (let start = 0; start < all.length; start += 8) {
      await Promise.all(all.slice(start, start + 8).map((failure) => this.#model.retry(failure)));
    }
    announce(`${this.#model.failures.size} of ${all.length} failed again`);
  }
}
