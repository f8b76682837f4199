// Where people write: Enter sends, Shift+Enter breaks the line.

import { $, keep, recall } from "./dom.js";
import { Refused } from "./live.js";

const TYPING_EVERY_MS = 3000;

export class Composer {
  #ask;
  #onSent;
  #lastTyping = 0;
  limit = 2000;

  constructor(ask, onSent) {
    this.#ask = ask;
    this.#onSent = onSent;
    $("name").value = recall("name") || "You";
    $("name").addEventListener("change", () => this.#rename());
    $("say").addEventListener("input", () => this.#changed());
    $("say").addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    });
    $("composer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
  }

  get #name() {
    return $("name").value.trim() || "You";
  }

  #rename() {
    $("name").value = this.#name;
    keep("name", this.#name);
    problem("");
  }

  #changed() {
    const length = [...$("say").value].length;
    $("count").hidden = length < this.limit * 0.9;
    $("count").textContent = `${length} / ${this.limit}`;
    $("count").classList.toggle("over", length > this.limit);
    problem("");
    if (length && Date.now() - this.#lastTyping > TYPING_EVERY_MS) {
      this.#lastTyping = Date.now();
      this.#ask("/api/typing", { name: this.#name }).catch(() => {}); // news or nothing
    }
  }

  async #send() {
    const text = $("say").value.trim();
    const length = [...text].length;
    if (!length) return problem("There is nothing to send yet.");
    if (length > this.limit) return problem(`At most ${this.limit} characters; these are ${length}.`);
    try {
      const message = await this.#ask("/api/say", { name: this.#name, text });
      if ($("say").value.trim() === text) $("say").value = "";
      this.#lastTyping = 0;
      this.#changed();
      this.#lastTyping = 0;
      this.#onSent(message);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      problem(error.message);
    }
  }
}

function problem(text) {
  $("problem").textContent = text;
}
