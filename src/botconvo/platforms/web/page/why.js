// The drawer that says why something was said: the trace, in words that anybody can read.

import { $, el } from "./dom.js";

const SOURCES = {
  person: "Taking up what a person wrote",
  clone: "Taking up what another bot said",
  fresh: "Starting a fresh topic",
};
const VERDICTS = {
  ok: "could be posted",
  empty: "empty",
  foreign: "not a line of its own",
  unsafe: "stopped by a filter",
  copied: "held back: words that somebody wrote",
  repeated: "said before",
  silent: "chose silence",
  disowned: "what the person would never say",
};

export class Why {
  #people;
  #rule;
  #dialog = $("why");

  /** `rule(what, id)` keeps or removes a line. */
  constructor(people, rule) {
    this.#people = people;
    this.#rule = rule;
    $("shut-why").addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("click", (event) => {
      if (event.target === this.#dialog) this.#dialog.close(); // beside the drawer
    });
  }

  open(log, author, trace, message) {
    const target = trace.target && log.message(trace.target);
    this.#people.tint(this.#dialog, author.name, author.kind);
    $("why-body").replaceChildren(
      this.#said(author, message),
      section("The turn", paragraph(`${author.name}: ${trace.reason}`)),
      section("Where it came from", ...this.#origin(trace, target)),
      section(count(trace.candidates.length, "candidate"), candidates(trace)),
      section("What the model was given", el("pre", { tabIndex: 0, textContent: trace.prompt })),
      facts(trace),
      this.#rulings(message),
    );
    if (!this.#dialog.open) this.#dialog.showModal();
    $("why-body").scrollTop = 0;
  }

  #rulings(message) {
    if (!message.id) return ""; // an emoji is no line
    const deeds = [
      ["star", "Keep it"],
      ["delete", "Remove it for good"],
      ["disown", "They would never say that"],
    ];
    const buttons = deeds.map(([what, label]) => {
      const button = el("button", { type: "button", className: "tool", textContent: label });
      button.addEventListener("click", () => {
        this.#dialog.close();
        this.#rule(what, message.id);
      });
      return button;
    });
    return el("p", { className: "rulings" }, ...buttons);
  }

  #said(author, message) {
    return el(
      "div",
      { className: "said-by" },
      this.#people.avatar(author.name, author.kind),
      el("blockquote", { textContent: message.text }),
    );
  }

  #origin(trace, target) {
    const parts = [paragraph(SOURCES[trace.source] ?? trace.source)];
    if (target) {
      parts.push(
        el(
          "blockquote",
          { className: "target" },
          el("b", { textContent: `${target.author.name} ` }),
          target.text,
        ),
      );
    }
    if (trace.phrase) {
      parts.push(
        el("p", {}, "Phrase: ", el("mark", { textContent: trace.phrase })),
      );
    }
    return parts;
  }
}

function candidates(trace) {
  const scores = trace.candidates.map((each) => each.score).filter((score) => score !== null);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  return el(
    "ol",
    { className: "candidates" },
    ...trace.candidates.map((each, index) => candidate(each, index === trace.chosen, low, high)),
  );
}

function candidate({ text, verdict, score, logprob }, isChosen, low, high) {
  const row = el(
    "li",
    { className: isChosen ? "chosen" : "" },
    el("p", { className: "words", textContent: text || (verdict === "copied" ? "…" : "(nothing)") }),
  );
  const chips = el(
    "p",
    { className: "chips" },
    isChosen ? el("span", { className: "chip posted", textContent: "posted" }) : null,
    isChosen && verdict === "ok"
      ? null
      : el("span", { className: `chip ${verdict}`, textContent: VERDICTS[verdict] ?? verdict }),
  );
  if (score !== null) {
    const share = high > low ? (score - low) / (high - low) : 1;
    const bar = el("span", { className: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", 0.06 + 0.94 * share);
    chips.append(bar, el("span", { textContent: `score ${signed(score)}` }));
  }
  if (logprob !== null) {
    chips.append(
      el("span", {
        textContent: `likelihood ${signed(logprob)}`,
        title: "mean natural log-probability of its tokens",
      }),
    );
  }
  row.append(chips);
  return row;
}

function facts({ latencyMs, seed }) {
  const time = latencyMs < 1000 ? `${Math.round(latencyMs)} ms` : `${(latencyMs / 1000).toFixed(1)} s`;
  return el(
    "dl",
    { className: "facts" },
    el("div", {}, el("dt", { textContent: "Drafted in" }), el("dd", { textContent: time })),
    el("div", {}, el("dt", { textContent: "Seed" }), el("dd", { textContent: seed })),
  );
}

const paragraph = (text) => el("p", { textContent: text });
const section = (title, ...parts) => el("section", {}, el("h3", { textContent: title }), ...parts);
const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
const signed = (value) => value.toFixed(2).replace("-", "−");
