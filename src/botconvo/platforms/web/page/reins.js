// Pause, step, speed, temperature and the cast: the state of the talk that is looked at.

import { $, el, icon } from "./dom.js";

const STATES = {
  starting: "waking up",
  ready: "ready",
  "backing off": "trying again",
  failed: "not there",
};

export class Reins {
  #people;
  #steer;
  #state = null;
  #held = new Set(); // sliders under somebody's finger do not jump

  /** `steer(what, more)` asks the server; `name()` is who sits here. */
  constructor(people, steer, name) {
    this.#people = people;
    this.#steer = steer;
    $("pause").addEventListener("click", () => steer(this.#state?.paused ? "resume" : "pause"));
    $("step").addEventListener("click", () => steer("step"));
    $("own-temperature").addEventListener("click", () => {
      $("temperature").focus();
      steer("temperature", { value: null });
    });
    for (const word of ["approve", "reject", "refuse"]) {
      $(word).addEventListener("click", () => steer(word, { order: this.#state.draft.order }));
    }
    $("reset").addEventListener("click", () => steer("reset"));
    $("topic-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const text = $("topic").value.trim();
      if (text && (await steer("topic", { text, name: name() }))) $("topic").value = "";
    });
    this.#slider("speed", (place) => 2 ** place, speedText);
    this.#slider("temperature", Number, temperatureText);
  }

  show(state) {
    this.#state = state;
    for (const id of ["pause", "step", "speed", "temperature", "set-topic", "reset"]) {
      $(id).disabled = !state;
    }
    this.#showDraft(state?.draft ?? null);
    if (!state) return;
    this.#showPause(state.paused);
    if (!this.#held.has("speed")) place("speed", Math.log2(state.speed), speedText(state.speed));
    if (!this.#held.has("temperature")) {
      const value = state.temperature ?? 0.8;
      place("temperature", value, temperatureText(state.temperature));
      $("temperature").classList.toggle("unset", state.temperature === null);
    }
    $("own-temperature").hidden = state.temperature === null;
    this.#showCast(state.personas, state.muted ?? []);
  }

  #showDraft(draft) {
    $("draft").hidden = draft === null;
    $("draft-by").textContent = draft?.persona ?? "";
    $("draft-text").textContent = draft?.text ?? "";
  }

  #showPause(isPaused) {
    const label = isPaused ? "Resume" : "Pause";
    $("pause").querySelector("span").textContent = label;
    $("pause").querySelector("use").setAttribute("href", isPaused ? "#i-play" : "#i-pause");
    $("pause").title = isPaused ? "Let the bots go on" : "Stop after what is being said";
    $("pause").classList.toggle("on", isPaused);
  }

  #showCast(personas, muted) {
    const focused = $("cast").contains(document.activeElement) && document.activeElement.dataset.persona;
    const rows = personas.map(({ name, state }) => {
      const isMuted = muted.includes(name);
      const row = el(
        "li",
        { className: `${state.replace(" ", "-")} ${isMuted ? "muted" : ""}` },
        this.#people.avatar(name, "clone"),
        el("span", { className: "name", textContent: name }),
        el("span", { className: "badge", textContent: "BOT" }),
        el("span", { className: "state", textContent: isMuted ? "muted here" : (STATES[state] ?? state) }),
        this.#muteButton(name, isMuted),
      );
      this.#people.tint(row, name, "clone");
      return row;
    });
    this.#fill(rows);
    if (focused) $("cast").querySelector(`[data-persona="${CSS.escape(focused)}"]`)?.focus();
  }

  #muteButton(name, isMuted) {
    const label = isMuted ? `Let ${name} speak` : `Mute ${name}`;
    const button = el("button", { type: "button", className: "mute", title: label }, icon(isMuted ? "mute" : "sound"));
    button.setAttribute("aria-label", label);
    button.dataset.persona = name;
    button.addEventListener("click", () => this.#steer(isMuted ? "unmute" : "mute", { persona: name }));
    return button;
  }

  #fill(rows) {
    $("cast").replaceChildren(...(rows.length ? rows : [el("li", { className: "quiet", textContent: "Nobody yet" })]));
  }

  #slider(id, valueOf, textOf) {
    const input = $(id);
    const show = () => {
      const value = valueOf(Number(input.value));
      $(`${id}-value`).textContent = textOf(value);
      input.setAttribute("aria-valuetext", textOf(value));
    };
    input.addEventListener("input", () => {
      this.#held.add(id);
      input.classList.remove("unset");
      show();
    });
    input.addEventListener("change", async () => {
      await this.#steer(id, { value: valueOf(Number(input.value)) });
      this.#held.delete(id);
      this.show(this.#state);
    });
  }
}

function place(id, position, text) {
  $(id).value = position;
  $(id).setAttribute("aria-valuetext", text);
  $(`${id}-value`).textContent = text;
}

const speedText = (factor) => `${Number(factor.toFixed(2))}×`;
const temperatureText = (value) => (value === null ? "each bot’s own" : value.toFixed(2));
