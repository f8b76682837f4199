// One channel's messages on the page: order, grouping, replies, reactions, typing.

import { clock, el, icon, list } from "./dom.js";

const SAME_TURN_MS = 5 * 60 * 1000;
const TYPING_MS = 20 * 1000;
const SETTLING_MS = 1000;
const KEPT = 600;

export class Log {
  #people;
  #openWhy;
  #rule;
  #own;
  #known = new Map(); // id -> entry, in the order shown
  #lastFresh = null;
  #typing = new Map(); // persona -> timer
  #list = el("ol", { className: "messages" });
  #ghosts = el("div", { className: "ghosts", "aria-hidden": "true" });

  /** `rule(what, id)` keeps or removes a line; `own`: people write here through this page. */
  constructor(people, openWhy, rule, own) {
    this.#people = people;
    this.#openWhy = openWhy;
    this.#rule = rule;
    this.#own = own;
    this.node = el(
      "div",
      { className: "log" },
      el("div", { role: "log", "aria-live": "polite", "aria-relevant": "additions" }, this.#list),
      this.#ghosts,
    );
    this.#settle();
  }

  /** What is already there when somebody comes is not read out to them. */
  #settle() {
    const region = this.#list.parentElement;
    region.setAttribute("aria-busy", "true");
    setTimeout(() => region.setAttribute("aria-busy", "false"), SETTLING_MS);
  }

  get isEmpty() {
    return this.#known.size === 0;
  }

  message(id) {
    return this.#known.get(id)?.message;
  }

  /** After a break the server repeats the recent messages; what it leaves out was removed. */
  beginCatchUp() {
    for (const entry of this.#known.values()) entry.stale = true;
    this.#lastFresh = null;
    this.#settle();
    for (const persona of [...this.#typing.keys()]) this.#stopTyping(persona);
  }

  /** Show a message; true if it is new here. */
  put(message) {
    this.#stopTyping(message.author.name);
    const known = this.#known.get(message.id);
    if (known) this.#refresh(known, message);
    else this.#append(message);
    this.#sweep(message.id);
    return !known;
  }

  react({ message, emoji, by, trace }) {
    const entry = this.#known.get(message);
    if (!entry) return;
    const { who } = entry.reactions.get(emoji) ?? { who: new Map() };
    who.set(by, trace ?? who.get(by) ?? null);
    entry.reactions.set(emoji, { who });
    this.#drawReactions(entry);
  }

  remove(id) {
    const entry = this.#known.get(id);
    if (!entry) return;
    this.#known.delete(id);
    const turn = entry.node.closest(".turn");
    entry.node.remove();
    if (!turn.querySelector(".message")) turn.remove();
    for (const day of this.#list.querySelectorAll(".day")) {
      if (!day.nextElementSibling?.matches(".turn")) day.remove();
    }
  }

  typing(persona) {
    clearTimeout(this.#typing.get(persona));
    if (!this.#typing.has(persona)) {
      const ghost = el(
        "div",
        { className: "turn clone ghost" },
        this.#people.avatar(persona, "clone"),
        el(
          "div",
          { className: "body" },
          el("p", { className: "bubble" }, el("i"), el("i"), el("i")),
          el("span", { className: "who-types", textContent: `${persona} is typing` }),
        ),
      );
      ghost.dataset.persona = persona;
      this.#people.tint(ghost, persona, "clone");
      this.#ghosts.append(ghost);
    }
    this.#typing.set(persona, setTimeout(() => this.#stopTyping(persona), TYPING_MS));
  }

  /** A line below everything that says how the talk stands; "" takes it away. */
  standing(text) {
    this.node.querySelector(".standing")?.remove();
    if (text) this.node.append(el("p", { className: "standing", textContent: text }));
  }

  /** Scroll to a message and light it up for a moment. */
  show(id) {
    const node = this.#known.get(id)?.node;
    if (!node) return;
    node.scrollIntoView({ block: "center" });
    node.classList.remove("found");
    requestAnimationFrame(() => node.classList.add("found"));
  }

  #append(message) {
    const at = new Date(message.at);
    const previous = [...this.#known.values()].at(-1);
    const turn = this.#continues(previous, message, at)
      ? previous.node.closest(".turn")
      : this.#newTurn(message, at, previous);
    const entry = { message, at, node: el("div", { className: "message" }), reactions: new Map() };
    this.#known.set(message.id, entry);
    this.#draw(entry);
    turn.querySelector(".body").append(entry.node);
    this.#merge(entry, message.reactions);
    if (this.#known.size > KEPT) this.remove(this.#known.keys().next().value);
  }

  #continues(previous, message, at) {
    if (!previous || message.author.kind === "system") return false;
    const { author } = previous.message;
    return (
      author.name === message.author.name &&
      author.kind === message.author.kind &&
      at - previous.at < SAME_TURN_MS &&
      at.toDateString() === previous.at.toDateString()
    );
  }

  #newTurn(message, at, previous) {
    if (!previous || previous.at.toDateString() !== at.toDateString()) {
      const day = at.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
      this.#list.append(el("li", { className: "day" }, el("span", { textContent: day })));
    }
    const { name, kind } = message.author;
    const isBot = kind === "clone" || kind === "bot";
    const side = kind === "person" && this.#own ? "own" : "";
    const turn = el(
      "li",
      { className: `turn ${kind} ${side}` },
      this.#people.avatar(name, kind),
      el(
        "div",
        { className: "body" },
        el(
          "p",
          { className: "who" },
          el("span", { className: "name", textContent: name }),
          isBot ? el("span", { className: "badge", textContent: "BOT" }) : null,
          el("time", { dateTime: message.at, textContent: clock(at), title: at.toLocaleString() }),
        ),
      ),
    );
    this.#people.tint(turn, name, kind);
    this.#list.append(turn);
    return turn;
  }

  #draw(entry) {
    const { message, at } = entry;
    const bubble = el("div", { className: "bubble" }, this.#quote(message));
    for (const { kind, name } of message.attachments) {
      bubble.append(el("p", { className: "attachment", textContent: `${kind}: ${name}` }));
    }
    const words = el("p", { className: "words", textContent: message.text });
    if (isOnlyEmoji(message.text)) bubble.classList.add("emoji");
    bubble.append(words);
    bubble.title = at.toLocaleTimeString();
    entry.reactionsNode = el("ul", { className: "reactions", hidden: true });
    const row = el("div", { className: "row" }, bubble, this.#whyButton(message), ...this.#rulings(message));
    entry.node.replaceChildren(row, entry.reactionsNode);
    this.#drawReactions(entry);
  }

  #whyButton(message) {
    if (!message.trace) return null;
    const label = `Why ${message.author.name} said this`;
    const button = el("button", { type: "button", className: "ask-why", textContent: "why?" });
    button.setAttribute("aria-label", label);
    button.addEventListener("click", () => this.#openWhy(this, message.author, message.trace, message));
    return button;
  }

  /** What can be said of a bot's line, beside it: the clone learns from each of them. */
  #rulings(message) {
    if (message.author.kind !== "clone") return [];
    const deeds = [
      ["star", "star", "Keep what %s said"],
      ["delete", "bin", "Remove what %s said; it is never said again"],
      ["disown", "never", "%s would never say that"],
    ];
    return deeds.map(([what, drawing, words]) => {
      const label = words.replace("%s", () => message.author.name);
      const button = el("button", { type: "button", className: "rule", title: label }, icon(drawing));
      button.setAttribute("aria-label", label);
      button.addEventListener("click", () => this.#rule(what, message.id));
      return button;
    });
  }

  #quote(message) {
    if (!message.replyTo) return null;
    const target = this.#known.get(message.replyTo)?.message;
    if (!target) return el("p", { className: "quote", textContent: "an earlier message" });
    const quote = el(
      "button",
      { type: "button", className: "quote" },
      el("b", { textContent: target.author.name }),
      ` ${target.text}`,
    );
    this.#people.tint(quote, target.author.name, target.author.kind);
    quote.setAttribute("aria-label", `Reply to ${target.author.name}: ${target.text}`);
    quote.addEventListener("click", () => this.show(message.replyTo));
    return quote;
  }

  #merge(entry, reactions) {
    for (const { emoji, by } of reactions) this.react({ message: entry.message.id, emoji, by });
  }

  #drawReactions(entry) {
    entry.reactionsNode.hidden = entry.reactions.size === 0;
    entry.reactionsNode.replaceChildren(
      ...[...entry.reactions].map(([emoji, { who }]) => this.#reaction(entry, emoji, who)),
    );
  }

  #reaction(entry, emoji, who) {
    const [by, trace] = [...who].findLast(([, why]) => why) ?? [[...who.keys()][0], null];
    const names = list([...who.keys()]);
    const pill = el(trace ? "button" : "span", { className: "reaction", title: names });
    pill.append(el("span", { textContent: emoji }));
    if (who.size > 1) pill.append(el("span", { className: "times", textContent: who.size }));
    if (trace) {
      pill.type = "button";
      pill.setAttribute("aria-label", `${emoji} by ${names}: why?`);
      const author = { name: by, kind: "clone" };
      pill.addEventListener("click", () => this.#openWhy(this, author, trace, { text: emoji }));
    } else {
      pill.setAttribute("role", "img");
      pill.setAttribute("aria-label", `${emoji} by ${names}`);
    }
    return el("li", {}, pill);
  }

  #refresh(entry, message) {
    entry.stale = false;
    const changed =
      message.revision > entry.message.revision || (message.trace && !entry.message.trace);
    if (changed) {
      entry.message = message;
      this.#draw(entry);
    }
    this.#merge(entry, message.reactions);
  }

  #sweep(id) {
    if (this.#lastFresh !== null) {
      const ids = [...this.#known.keys()];
      const between = ids.slice(ids.indexOf(this.#lastFresh) + 1, ids.indexOf(id));
      for (const each of between) if (this.#known.get(each).stale) this.remove(each);
    }
    this.#lastFresh = id;
  }

  #stopTyping(persona) {
    if (!this.#typing.has(persona)) return;
    clearTimeout(this.#typing.get(persona));
    this.#typing.delete(persona);
    for (const ghost of this.#ghosts.children) {
      if (ghost.dataset.persona === persona) ghost.remove();
    }
  }
}

function isOnlyEmoji(text) {
  return [...text].length <= 12 && /^(?:\p{Extended_Pictographic}|\p{Emoji_Component}|\s)+$/u.test(text) &&
    /\p{Extended_Pictographic}/u.test(text);
}
