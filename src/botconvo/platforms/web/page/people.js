// How somebody looks: a colour from the name, a picture or the initials.

import { el } from "./dom.js";

// Neighbours in this list are far apart on the circle, so whoever has to step aside lands far away.
const HUES = [20, 170, 295, 60, 215, 340, 130, 255];
const ALIKE_DEGREES = 45;

export class People {
  #hues = new Map();
  #pictures = new Set();

  havePictures(names) {
    this.#pictures = new Set(names);
  }

  /** Give the cast colours of their own; the same cast always gets the same ones. */
  meet(names) {
    for (const name of [...names].sort()) this.hue(name);
  }

  hue(name) {
    if (!this.#hues.has(name)) {
      const taken = [...this.#hues.values()];
      const first = digest(name) % HUES.length;
      const ring = HUES.map((_, step) => HUES[(first + step) % HUES.length]);
      const own =
        ring.find((hue) => taken.every((other) => apart(hue, other) > ALIKE_DEGREES)) ??
        ring.find((hue) => !taken.includes(hue)) ??
        ring[0];
      this.#hues.set(name, own);
    }
    return this.#hues.get(name);
  }

  /** Only clones are in colour. */
  tint(node, name, kind) {
    if (kind === "clone") node.style.setProperty("--hue", this.hue(name));
  }

  avatar(name, kind) {
    const shape = el("span", { className: `avatar ${kind}`, "aria-hidden": "true" });
    this.tint(shape, name, kind);
    if (this.#pictures.has(name)) {
      shape.append(el("img", { src: `/avatars/${encodeURIComponent(name)}`, alt: "" }));
    } else {
      shape.textContent = initials(name);
    }
    return shape;
  }
}

function initials(name) {
  const words = name.split(/[\s._-]+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...word][0].toLocaleUpperCase()).join("") || "?";
}

/** Degrees between two hues, the short way round. */
function apart(one, other) {
  const around = Math.abs(one - other);
  return Math.min(around, 360 - around);
}

/** FNV-1a, 32 bits. */
function digest(text) {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}
