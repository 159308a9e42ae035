// Short messages at the page's foot: what went wrong and what to do, or what just happened.

import { ApiError } from "./api.js";
import { byId, h, iconButton } from "./dom.js";

const SHOWN_MS = 6000;

/**
 * Says something that needs no answer; it goes away by itself.
 * @param {string} text
 */
export function tell(text) {
  const notice = add(text, null, "notice");
  setTimeout(() => notice.remove(), SHOWN_MS);
}

/**
 * Says what went wrong, until somebody closes it.
 * @param {unknown} error
 */
export function tellError(error) {
  const message = error instanceof Error ? error.message : String(error);
  add(message, error instanceof ApiError ? error.hint : null, "notice is-error");
}

/**
 * @param {string} message
 * @param {string | null} hint
 * @param {string} className
 */
function add(message, hint, className) {
  const list = byId("notices", HTMLElement);
  for (const old of list.querySelectorAll(".notice")) {
    if (old.querySelector("p")?.textContent === message) old.remove();
  }
  const text = h("div", null, h("p", null, message), hint && h("p", { class: "quiet" }, hint));
  const notice = h(
    "div",
    { class: className },
    text,
    iconButton("close", "Close this message", () => notice.remove()),
  );
  list.append(notice);
  return notice;
}
