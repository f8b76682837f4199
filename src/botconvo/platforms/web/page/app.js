// The page: puts its parts together and hands each item of the stream to the part it concerns.

import { Composer } from "./composer.js";
import { $, el, keep, recall } from "./dom.js";
import { Game } from "./game.js";
import { Lines } from "./lines.js";
import { Live, Refused, ask } from "./live.js";
import { Log } from "./log.js";
import { People } from "./people.js";
import { Reins } from "./reins.js";
import { Why } from "./why.js";

const NEAR_THE_END_PX = 60;

const token = document.querySelector('meta[name="botconvo-token"]').content;
const people = new People();
const why = new Why(people, (what, message) => steer(what, { message }));
const channels = new Map(); // id -> {log, state, unread, tab}
let own = null; // the channel that can be written in
let shown = null; // the channel that is looked at
let isAtEnd = true;
let unseen = 0;
let followedTo = 0; // where the scroller stood when it was last brought to the end
let broken = "Connecting…";

/** What the server answers, or null where it refuses, which is said. */
async function asked(path, body) {
  try {
    return await ask(token, path, body);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(error.message);
    return null;
  }
}

async function steer(what, more = {}) {
  const answer = await asked("/api/steer", { channel: shown, steer: what, ...more });
  if (answer) say(answer.said);
  return answer;
}

const reins = new Reins(people, steer, () => $("name").value.trim());
new Lines(people, () => asked("/api/lines", { channel: shown }), steer);

new Game(
  people,
  (path, body) => ask(token, path, body),
  () => (channels.get(shown)?.state?.personas ?? []).map(({ name }) => name),
  () => $("name").value.trim(),
);

const composer = new Composer(
  (path, body) => ask(token, path, body),
  (message) => {
    isAtEnd = true; // whoever writes wants to see it
    follow();
    take(message);
  },
);

const handlers = {
  hello({ channel, avatars, limit }) {
    own = channel;
    composer.limit = limit;
    people.havePictures(avatars);
    broken = "";
    for (const { log } of channels.values()) log.beginCatchUp();
    showNote();
  },
  channels({ channels: ids }) {
    for (const id of [...channels.keys()]) if (!ids.includes(id)) channels.delete(id);
    for (const id of ids) open(id);
    if (!channels.has(shown)) look(channels.has(own) ? own : (ids[0] ?? null));
    drawTabs();
  },
  message(item) {
    const { log } = open(item.channel);
    if (log.put(item)) arrived(item.channel);
    showStanding(item.channel);
  },
  reaction: (item) => open(item.channel).log.react(item),
  removal: (item) => open(item.channel).log.remove(item.message),
  typing: (item) => open(item.channel).log.typing(item.persona),
  state(item) {
    people.meet(item.personas.map(({ name }) => name));
    open(item.channel).state = item;
    showStanding(item.channel);
    if (item.channel === shown) {
      reins.show(item);
      showNote();
    }
  },
};

function take(item) {
  noticeReadingBack();
  handlers[item.type]?.(item);
  follow();
}

function open(id) {
  if (!channels.has(id)) {
    const rule = (what, message) => steer(what, { channel: id, message });
    const log = new Log(people, (...about) => why.open(...about), rule, id === own);
    channels.set(id, { log, state: null, unread: 0 });
  }
  return channels.get(id);
}

function look(id) {
  shown = id;
  const channel = channels.get(id);
  $("scroller").replaceChildren(...(channel ? [channel.log.node] : []));
  $("composer").hidden = id !== own;
  $("elsewhere").hidden = id === own || id === null;
  if (channel) channel.unread = 0;
  reins.show(channel?.state ?? null);
  isAtEnd = true;
  showNote();
  drawTabs();
  follow();
}

function arrived(id) {
  if (id !== shown) {
    channels.get(id).unread += 1;
    drawTabs();
  } else if (!isAtEnd) {
    unseen += 1;
  }
}

function showStanding(id) {
  const { log, state } = channels.get(id);
  let text = "";
  if (state?.paused) text = "Paused. The bots are silent until you resume or step.";
  else if (log.isEmpty) text = state?.note ? "" : "Nobody has said anything yet.";
  log.standing(text);
}

function showNote() {
  const text = broken || channels.get(shown)?.state?.note || "";
  $("note").hidden = !text;
  if ($("note").textContent !== text) $("note").textContent = text;
}

let sayTimer = null;
function say(text) {
  $("said").textContent = text.charAt(0).toLocaleUpperCase() + text.slice(1);
  $("said").classList.add("up");
  clearTimeout(sayTimer);
  sayTimer = setTimeout(() => $("said").classList.remove("up"), 3500);
}

// Channels

function drawTabs() {
  $("tabs").hidden = channels.size < 2;
  const focused = $("tabs").contains(document.activeElement);
  $("tabs").replaceChildren(...[...channels].map(([id, { unread }]) => tab(id, unread)));
  if (focused) $("tabs").querySelector('[aria-selected="true"]')?.focus();
}

function tab(id, unread) {
  const isShown = id === shown;
  const button = el(
    "button",
    { type: "button", className: "tab", role: "tab", tabIndex: isShown ? 0 : -1 },
    el("span", { textContent: channelName(id) }),
    unread && !isShown ? el("span", { className: "unread", textContent: unread }) : null,
  );
  button.setAttribute("aria-selected", isShown);
  button.setAttribute("aria-controls", "scroller");
  button.addEventListener("click", () => look(id));
  return button;
}

$("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const ids = [...channels.keys()];
  look(ids.at((ids.indexOf(shown) + step) % ids.length));
});

function channelName(id) {
  const [platform, rest] = id.split(/:(.*)/s);
  return id === own ? `# ${rest}` : `${platform} · ${rest}`;
}

// Staying at the end

function follow() {
  if (isAtEnd) {
    unseen = 0;
    $("scroller").scrollTop = $("scroller").scrollHeight;
    followedTo = $("scroller").scrollTop;
  }
  $("newer").hidden = unseen === 0;
  $("newer").querySelector("span").textContent =
    unseen === 1 ? "1 new message" : `${unseen} new messages`;
}

function isNearTheEnd() {
  const { scrollHeight, scrollTop, clientHeight } = $("scroller");
  return scrollHeight - scrollTop - clientHeight < NEAR_THE_END_PX;
}

// The scroll event comes with the next frame; a message may come before it.
function noticeReadingBack() {
  if ($("scroller").scrollTop < followedTo && !isNearTheEnd()) isAtEnd = false;
}

$("scroller").addEventListener("scroll", () => {
  isAtEnd = isNearTheEnd();
  if (isAtEnd) follow();
});
$("newer").addEventListener("click", () => {
  isAtEnd = true;
  follow();
  $("scroller").focus();
});
new ResizeObserver(follow).observe($("scroller"));

// The sheet of a narrow screen, and the theme

function showReins(isOpen) {
  document.body.classList.toggle("reins-open", isOpen);
  $("open-reins").setAttribute("aria-expanded", isOpen);
  (isOpen ? $("shut-reins") : $("open-reins")).focus();
}
$("open-reins").addEventListener("click", () => {
  showReins(!document.body.classList.contains("reins-open"));
});
$("shut-reins").addEventListener("click", () => showReins(false));
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.classList.contains("reins-open")) showReins(false);
});

for (const radio of document.querySelectorAll('input[name="theme"]')) {
  radio.checked = radio.value === (recall("theme") ?? "auto");
  radio.addEventListener("change", () => {
    keep("theme", radio.value);
    if (radio.value === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = radio.value;
  });
}

new Live(token, take, (text) => {
  broken = text;
  showNote();
}).connect();
showNote();
