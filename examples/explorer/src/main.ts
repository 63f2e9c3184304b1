// The explorer: a page to look around an XMPP server with, over WebSocket.
import { announce, byId, h, icon } from "./dom.ts";
import { accountLabel, Explorer } from "./explorer.ts";
import { LoginView } from "./login-view.ts";
import { type Login, Session } from "./session.ts";
import { loadSettings, saveSettings, type Theme } from "./settings.ts";

const header = byId("header", HTMLElement);
const main = byId("main", HTMLElement);

function themeSwitch(): HTMLElement {
  const select = h(
    "select",
    { id: "theme", "aria-label": "Colours" },
    h("option", { value: "auto" }, "As the system"),
    h("option", { value: "light" }, "Light"),
    h("option", { value: "dark" }, "Dark"),
  );
  select.value = loadSettings().theme;
  select.addEventListener("change", () => {
    setTheme(select.value as Theme);
    saveSettings({ theme: select.value as Theme });
  });
  return select;
}

function setTheme(theme: Theme): void {
  if (theme === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

function brand(tag: "p" | "h1"): HTMLElement {
  return h(
    tag,
    { class: "brand" },
    icon("compass"),
    h("span", {}, h("span", { class: "wide" }, "XMPP "), "Explorer"),
  );
}

function showLogin(notice?: string): void {
  const view = new LoginView(logIn, notice);
  document.title = "Log in · XMPP Explorer";
  header.replaceChildren(brand("p"), h("div", { class: "settings" }, themeSwitch()));
  main.replaceChildren(view.element);
  view.focus();
}

async function logIn(login: Login): Promise<void> {
  let explorer: Explorer | undefined;
  const session = await Session.start(login, {
    connection: (connection) => explorer?.connectionChanged(connection),
    contacts: () => explorer?.contactsChanged(),
  });
  explorer = new Explorer(session);
  const leave = async () => {
    explorer?.end();
    explorer = undefined;
    showLogin("You are logged out.");
    await session.stop();
  };
  header.replaceChildren(
    brand("h1"),
    explorer.navigation(),
    h(
      "div",
      { class: "settings" },
      accountLabel(session),
      themeSwitch(),
      h("button", { type: "button", onclick: () => void leave() }, "Log out"),
    ),
  );
  explorer.start();
}

byId("skip", HTMLAnchorElement).addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
addEventListener("unhandledrejection", () => announce("Something went wrong in this page"));
setTheme(loadSettings().theme);
showLogin();
