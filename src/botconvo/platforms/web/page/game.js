// The blind game: a line that a friend wrote or the clone, and two buttons.

import { $, el, recall, keep } from "./dom.js";
import { Refused } from "./live.js";

const KEYS = { f: "friend", c: "clone" };

export class Game {
  #people;
  #ask;
  #names;
  #player;
  #dialog = $("game");
  #persona = recall("game");
  #round = null; // what waits for an answer
  #turn = 0; // answers of an earlier question come too late

  /** `ask(path, body)` asks the server, `names()` are the clones, `player()` is who plays. */
  constructor(people, ask, names, player) {
    this.#people = people;
    this.#ask = ask;
    this.#names = names;
    this.#player = player;
    $("open-game").addEventListener("click", () => this.open());
    $("shut-game").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#forget());
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#dialog.addEventListener("keydown", (event) => {
      const guess = KEYS[event.key.toLowerCase()];
      const isChord = event.ctrlKey || event.metaKey || event.altKey;
      if (!guess || isChord || event.repeat || event.target.tagName === "SELECT" || !this.#round) return;
      event.preventDefault();
      this.#answer(guess);
    });
    $("game-persona").addEventListener("change", () => {
      this.#persona = $("game-persona").value;
      keep("game", this.#persona);
      this.#deal();
    });
  }

  open() {
    const names = this.#names();
    if (!names.includes(this.#persona)) this.#persona = names[0] ?? null;
    const options = names.map((name) => el("option", { value: name, textContent: name, selected: name === this.#persona }));
    $("game-persona").replaceChildren(...options);
    this.#dialog.showModal();
    if (this.#persona) this.#deal();
    else this.#over("Nobody is there to play with yet.");
  }

  /** Words of friends stay on the page no longer than they are looked at. */
  #forget() {
    this.#turn += 1;
    this.#round = null;
    $("game-body").replaceChildren();
  }

  async #deal() {
    this.#forget();
    $("game-body").append(el("p", { className: "quiet", role: "status", textContent: "Looking for a line…" }));
    const about = { persona: this.#persona, name: this.#player() };
    const round = await this.#asked("/api/game/round", about);
    if (!round) return;
    this.#round = round;
    this.#draw(round);
  }

  async #answer(guess) {
    const round = this.#round;
    this.#round = null; // nobody answers twice
    for (const button of $("game-body").querySelectorAll("button")) button.disabled = true;
    const about = { round: round.round, guess, name: this.#player() };
    const verdict = await this.#asked("/api/game/answer", about);
    if (!verdict) return;
    const next = this.#button("Next line", "on", () => this.#deal());
    $("game-choice").replaceChildren(next);
    const said = el("p", { className: verdict.right ? "verdict right" : "verdict", textContent: verdict.verdict });
    $("game-verdict").replaceChildren(said, el("p", { className: "quiet", textContent: sentence(verdict.score) }));
    next.focus();
    next.scrollIntoView({ block: "nearest" });
  }

  /** What the server says; null where the game is over, or another round was asked for meanwhile. */
  async #asked(path, body) {
    const turn = this.#turn;
    try {
      const said = await this.#ask(path, body);
      return turn === this.#turn ? said : null;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (turn === this.#turn) this.#over(error.message);
      return null;
    }
  }

  #over(text) {
    this.#forget();
    $("game-body").append(el("p", { className: "game-over", role: "alert", textContent: sentence(text) }));
  }

  #draw({ persona, context, text, score }) {
    const before = context.map(({ name, text: words }) =>
      el("li", {}, el("b", { textContent: name }), ` ${words}`),
    );
    const line = el(
      "div",
      { className: "said-by clone" },
      this.#people.avatar(persona, "clone"),
      el("blockquote", { textContent: text }),
    );
    this.#people.tint(line, persona, "clone");
    const friend = this.#button("Friend", "", () => this.#answer("friend"), "f");
    const clone = this.#button("Clone", "", () => this.#answer("clone"), "c");
    $("game-body").replaceChildren(
      before.length ? el("ol", { className: "before", "aria-label": "The talk before it" }, ...before) : "",
      el("p", { className: "quiet", textContent: `Then this. ${persona} wrote it, or in half of the rounds the clone:` }),
      line,
      el("div", { className: "rulings", id: "game-choice" }, friend, clone),
      el("div", { id: "game-verdict", role: "status" }, el("p", { className: "quiet", textContent: sentence(score) })),
    );
    friend.focus({ preventScroll: true });
    $("game-choice").scrollIntoView({ block: "nearest" });
  }

  #button(text, look, onClick, key) {
    const button = el("button", { type: "button", className: `tool ${look}`, "aria-keyshortcuts": key }, text);
    if (key) button.append(el("kbd", { "aria-hidden": "true", textContent: key.toUpperCase() }));
    button.addEventListener("click", onClick);
    return button;
  }
}

function sentence(text) {
  const end = /[.!?]$/.test(text) ? "" : ".";
  return text.charAt(0).toLocaleUpperCase() + text.slice(1) + end;
}
