// The pages of lines: what people kept, what the bots saved, what was removed and is not said again.

import { $, el } from "./dom.js";

const PAGES = {
  favourites: ["Favourites", "Nothing was kept yet. The star beside a bot\u2019s message keeps it."],
  saved: ["Saved", "The bots have not saved anything yet."],
  disowned: ["Never theirs", "Nothing yet. What the person would never say, the clone never says again, nor anything nearly the same."],
  removed: ["Removed", "Nothing was removed. What you remove is never said again, nor anything nearly the same."],
};

export class Lines {
  #people;
  #load;
  #steer;
  #dialog = $("lines");
  #page = "favourites";
  #found = { favourites: [], saved: [], disowned: [], removed: [] };

  /** `load()` asks the server for all lines, `steer(what, more)` changes one. */
  constructor(people, load, steer) {
    this.#people = people;
    this.#load = load;
    this.#steer = steer;
    $("open-lines").addEventListener("click", () => this.open(this.#page));
    $("shut-lines").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    $("lines-tabs").addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const pages = Object.keys(PAGES);
      this.#page = pages.at((pages.indexOf(this.#page) + step) % pages.length);
      this.#draw();
      this.#focusTab();
    });
  }

  async open(page) {
    this.#page = page;
    this.#found = (await this.#load()) ?? this.#found;
    this.#draw();
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  /** Show the page anew after its line number `place` was undone; the keyboard goes on from there. */
  async #openAfter(place) {
    await this.open(this.#page);
    if (!this.#dialog.open) return;
    const buttons = $("lines-body").querySelectorAll("button");
    const next = buttons[Math.min(place, buttons.length - 1)];
    if (next) next.focus();
    else this.#focusTab();
  }

  #focusTab() {
    $("lines-tabs").querySelector('[aria-selected="true"]').focus();
  }

  #draw() {
    $("lines-tabs").replaceChildren(...Object.keys(PAGES).map((page) => this.#tab(page)));
    const rows = this.#found[this.#page].map((line) => this.#row(line));
    const nothing = el("p", { className: "quiet", textContent: PAGES[this.#page][1] });
    $("lines-body").replaceChildren(rows.length ? el("ul", { className: "noted" }, ...rows) : nothing);
    $("lines-body").setAttribute("aria-labelledby", `lines-${this.#page}`);
  }

  #tab(page) {
    const isShown = page === this.#page;
    const many = this.#found[page].length;
    const button = el(
      "button",
      { type: "button", className: "tab", role: "tab", id: `lines-${page}`, tabIndex: isShown ? 0 : -1 },
      el("span", { textContent: many ? `${PAGES[page][0]} (${many})` : PAGES[page][0] }),
    );
    button.setAttribute("aria-selected", isShown);
    button.setAttribute("aria-controls", "lines-body");
    button.addEventListener("click", () => {
      this.#page = page;
      this.#draw();
      this.#focusTab();
    });
    return button;
  }

  #row(line) {
    const { author, text, by, channel, at } = line;
    const day = new Date(at).toLocaleDateString([], { day: "numeric", month: "long" });
    const done = { favourites: "kept by", saved: "saved by", disowned: "said by", removed: "removed by" }[this.#page];
    const row = el(
      "li",
      {},
      el(
        "div",
        { className: `said-by ${author.kind}` },
        this.#people.avatar(author.name, author.kind),
        el("blockquote", {}, el("b", { className: "name", textContent: author.name }), text),
      ),
      el("p", { className: "about" }, `${done} ${by}, ${day}, ${channel}`, this.#undo(line)),
    );
    this.#people.tint(row, author.name, author.kind);
    return row;
  }

  #undo(line) {
    const isRemoved = this.#page === "removed";
    const button = el("button", {
      type: "button",
      className: "plain",
      textContent: isRemoved ? "Allow it again" : this.#page === "disowned" ? "Take it back" : "Keep it no longer",
    });
    button.setAttribute("aria-label", `${button.textContent}: ${line.text}`);
    button.addEventListener("click", async () => {
      const place = [...$("lines-body").querySelectorAll("button")].indexOf(button);
      const about = isRemoved ? { number: line.number } : { message: line.message };
      await this.#steer(isRemoved ? "allow" : "drop", { channel: line.channel, ...about });
      await this.#openAfter(place);
    });
    return button;
  }
}
