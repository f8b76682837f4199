// The stream from the server; it comes back by itself after a break.

const WRONG_TOKEN = 4401;
const LONGEST_WAIT_MS = 8000;

export class Live {
  #token;
  #onItem;
  #onBreak;
  #tries = 0;
  #timer = null;
  #socket = null;

  constructor(token, onItem, onBreak) {
    this.#token = token;
    this.#onItem = onItem;
    this.#onBreak = onBreak;
    addEventListener("online", () => this.#now());
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible") this.#now();
    });
  }

  connect() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const socket = new WebSocket(`ws://${location.host}/api/live`);
    this.#socket = socket;
    socket.addEventListener("open", () => socket.send(JSON.stringify({ token: this.#token })));
    socket.addEventListener("message", (event) => {
      this.#tries = 0;
      this.#onItem(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => this.#closed(event));
  }

  #closed(event) {
    this.#socket = null;
    if (event.code === WRONG_TOKEN) {
      // Another run answers at this address; its page holds the right token.
      this.#onBreak("A new run has begun. Loading its page…");
      this.#timer = setTimeout(() => location.reload(), 1500);
      return;
    }
    this.#onBreak("The connection is gone. Trying to get it back…");
    const wait = Math.min(LONGEST_WAIT_MS, 400 * 2 ** this.#tries);
    this.#tries += 1;
    this.#timer = setTimeout(() => this.connect(), wait * (0.75 + Math.random() / 2));
  }

  #now() {
    if (this.#socket === null) this.connect();
  }
}

export class Refused extends Error {}

/** Ask the server for something; a refusal carries its own sentence. */
export async function ask(token, path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-BotConvo-Token": token },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Refused("BotConvo does not answer. Is it still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(answer.error ?? `refused (${response.status})`);
  return answer;
}
