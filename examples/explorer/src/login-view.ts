import { h, setAttributes } from "./dom.ts";
import { LoginFailure } from "./explain.ts";
import type { Login } from "./session.ts";
import { loadSettings, saveSettings } from "./settings.ts";

/** The form to log in with. */
export class LoginView {
  readonly element: HTMLElement;
  readonly #logIn: (login: Login) => Promise<void>;
  readonly #service: HTMLInputElement;
  readonly #jid: HTMLInputElement;
  readonly #domain: HTMLInputElement;
  readonly #password: HTMLInputElement;
  readonly #account: HTMLInputElement;
  readonly #anonymous: HTMLInputElement;
  readonly #submit = h("button", { type: "submit", class: "primary" }, "Log in");
  readonly #failure = h("div", { class: "answer failure", role: "alert", id: "login-failure", hidden: true });
  readonly #accountFields: HTMLElement;
  readonly #domainField: HTMLElement;
  #isBusy = false;

  constructor(logIn: (login: Login) => Promise<void>, notice?: string) {
    this.#logIn = logIn;
    const settings = loadSettings();
    const input = (id: string, attributes: Record<string, string>) =>
      h("input", { id, name: id, spellcheck: "false", ...attributes });
    this.#service = input("service", {
      type: "text",
      inputmode: "url",
      autocomplete: "url",
      placeholder: "wss://example.org/xmpp-websocket",
    });
    this.#jid = input("jid", {
      type: "text",
      inputmode: "email",
      autocomplete: "username",
      autocapitalize: "none",
      placeholder: "romeo@example.org",
    });
    this.#domain = input("domain", {
      type: "text",
      autocomplete: "off",
      autocapitalize: "none",
      placeholder: "anon.example.org",
    });
    this.#password = input("password", { type: "password", autocomplete: "current-password" });
    this.#account = h("input", {
      type: "radio",
      name: "how",
      id: "how-account",
      onchange: () => this.#switch(),
    });
    this.#anonymous = h("input", {
      type: "radio",
      name: "how",
      id: "how-anonymous",
      onchange: () => this.#switch(),
    });
    this.#service.value = settings.service;
    this.#jid.value = settings.jid;
    this.#domain.value = settings.domain;
    this.#account.checked = !settings.anonymous;
    this.#anonymous.checked = settings.anonymous;
    this.#accountFields = h(
      "div",
      {},
      field(this.#jid, "Address", "The address of your account (JID)."),
      field(this.#password, "Password", "It goes to your server alone, and is not stored."),
    );
    this.#domainField = field(this.#domain, "Domain", "One that lets guests in.");
    this.element = h(
      "div",
      { class: "login" },
      h("h1", { tabindex: "-1" }, "Look around an XMPP server"),
      h(
        "p",
        { class: "lead" },
        "See its services, what they are and can do, and what your contacts run. It all happens in this page: nothing but your XMPP server is talked to.",
      ),
      notice === undefined ? "" : h("p", { class: "answer", role: "status" }, notice),
      h(
        "form",
        {
          novalidate: true,
          "aria-label": "Log in",
          onsubmit: (event) => {
            event.preventDefault();
            void this.#onSubmit();
          },
        },
        h(
          "fieldset",
          { class: "choice" },
          h("legend", {}, "How"),
          h("label", {}, this.#account, "With an account"),
          h("label", {}, this.#anonymous, "Anonymously"),
        ),
        field(this.#service, "WebSocket of the server", "wss://… from your server's documentation."),
        this.#accountFields,
        this.#domainField,
        this.#failure,
        this.#submit,
      ),
    );
    this.#switch();
  }

  focus(): void {
    const inputs = this.#anonymous.checked
      ? [this.#service, this.#domain]
      : [this.#service, this.#jid, this.#password];
    (inputs.find((input) => input.value === "") ?? this.#submit).focus();
  }

  #switch(): void {
    this.#accountFields.hidden = this.#anonymous.checked;
    this.#domainField.hidden = !this.#anonymous.checked;
    this.#showFailure(undefined);
  }

  async #onSubmit(): Promise<void> {
    if (this.#isBusy) return;
    const isAnonymous = this.#anonymous.checked;
    const service = this.#service.value.trim();
    const jid = this.#jid.value.trim();
    const domain = this.#domain.value.trim();
    this.#busy(true);
    this.#showFailure(undefined);
    try {
      await this.#logIn(
        isAnonymous
          ? { service, jid: domain, password: undefined }
          : { service, jid, password: this.#password.value },
      );
      saveSettings({ service, anonymous: isAnonymous, ...(isAnonymous ? { domain } : { jid }) });
    } catch (error) {
      this.#showFailure(
        error instanceof LoginFailure
          ? error
          : new LoginFailure("Something went wrong in this page.", String(error)),
      );
    } finally {
      this.#password.value = "";
      this.#busy(false);
    }
  }

  #busy(isBusy: boolean): void {
    this.#isBusy = isBusy;
    this.#submit.textContent = isBusy ? "Logging in …" : "Log in";
    setAttributes(this.#submit, { "aria-disabled": isBusy ? "true" : undefined });
  }

  #showFailure(failure: LoginFailure | undefined): void {
    this.#failure.hidden = failure === undefined;
    const jid = this.#anonymous.checked ? this.#domain : this.#jid;
    const atFault =
      failure?.field === undefined
        ? undefined
        : { service: this.#service, jid, password: this.#password }[failure.field];
    for (const input of [this.#service, this.#jid, this.#domain, this.#password]) {
      const isAtFault = input === atFault;
      setAttributes(input, {
        "aria-invalid": isAtFault ? "true" : undefined,
        "aria-describedby": isAtFault ? `${input.id}-hint login-failure` : `${input.id}-hint`,
      });
    }
    if (failure === undefined) return;
    this.#failure.replaceChildren(h("p", {}, h("strong", {}, failure.message), " ", failure.advice));
    atFault?.focus();
  }
}

function field(input: HTMLInputElement, label: string, hint: string): HTMLElement {
  return h(
    "div",
    { class: "field" },
    h("label", { for: input.id }, label),
    input,
    h("p", { class: "muted small", id: `${input.id}-hint` }, hint),
  );
}
