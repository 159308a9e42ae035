// The switch between two views of one thing: as a list or a form, and as the text of its file.

import { h, show } from "../dom.js";
import { whenever } from "../signal.js";

/**
 * The buttons that choose a view; the chosen one is shown.
 * @param {string} label what they are for, for those who don't see them
 * @param {import("../signal.js").Signal<boolean>} isText
 * @param {HTMLElement} text
 * @param {{ name: string, parts: HTMLElement[] }} other what stands in the text's place
 * @returns {HTMLElement}
 */
export function viewSwitch(label, isText, text, other) {
  const element = h("div", { class: "segments", role: "group", "aria-label": label });
  const choices = /** @type {const} */ ([
    [other.name, false],
    ["Text", true],
  ]);
  whenever([isText], () => {
    element.replaceChildren(
      ...choices.map(([name, value]) =>
        h(
          "button",
          { type: "button", "aria-pressed": String(isText.value === value), onclick: () => (isText.value = value) },
          name,
        ),
      ),
    );
    show(text, isText.value);
    for (const part of other.parts) show(part, !isText.value);
  });
  return element;
}
