// The names beside the lanes; behind the curves' name is the choice of which are drawn.

import { byId, h, show } from "./dom.js";
import { whenever } from "./signal.js";
import { CURVES } from "./timeline/draw-curves.js";
import { isStripSlow, isStripWanted, shownCurves } from "./timeline/timeline.js";

/** Name of each lane, and what it shows. @type {[string, string, string][]} */
const NAMES = [
  ["ruler", "bars", ""],
  ["sections", "sections", ""],
  ["wave", "waveform", "low · mid · high"],
  ["beats", "beats", ""],
  ["strip", "pictures", ""],
  ["prompts", "prompts", ""],
  ["curves", "curves", ""],
  ["overview", "", ""],
];

export function start() {
  const column = byId("lane-names", HTMLElement);
  column.append(
    ...NAMES.map(([lane, name, detail]) =>
      h("div", { class: "lane-name", "data-lane": lane }, h("span", null, name), detail && h("small", null, detail)),
    ),
  );
  column.querySelector('[data-lane="curves"]')?.replaceChildren(curveMenu());
  const ask = h(
    "button",
    { type: "button", class: "quiet-button strip-ask", hidden: true, onclick: () => (isStripWanted.value = true) },
    "Draw",
  );
  column.querySelector('[data-lane="strip"]')?.append(ask);
  whenever([isStripSlow], () => show(ask, isStripSlow.value));
}

/** Boxes to choose curves by, in a menu of their own. */
function curveMenu() {
  const boxes = Object.entries(CURVES).map(([key, { name, of }]) => {
    const box = h("input", { type: "checkbox", checked: shownCurves.value.includes(key), onchange: () => toggle(key) });
    return { of, element: h("label", { class: `curve-choice is-${key}` }, box, name) };
  });
  const menu = h(
    "div",
    { id: "curve-menu", class: "curve-menu", popover: "auto", role: "group", "aria-label": "Curves that are drawn" },
    h("p", { class: "quiet" }, "of the film"),
    boxes.filter(({ of }) => of === "plan").map(({ element }) => element),
    h("p", { class: "quiet" }, "of the song"),
    boxes.filter(({ of }) => of === "song").map(({ element }) => element),
  );
  const legend = h("span", { class: "curve-legend" });
  whenever([shownCurves], () => {
    const shown = Object.entries(CURVES).filter(([key]) => shownCurves.value.includes(key));
    legend.replaceChildren(...shown.slice(0, 3).map(([key, { name }]) => h("small", { class: `is-${key}` }, name)));
  });
  const button = h(
    "button",
    { type: "button", class: "curve-button", popovertarget: "curve-menu", title: "Choose the curves" },
    "curves ▾",
  );
  return h("div", { class: "curve-names" }, button, legend, menu);
}

/** @param {string} key */
function toggle(key) {
  const isShown = shownCurves.value.includes(key);
  shownCurves.value = isShown ? shownCurves.value.filter((one) => one !== key) : [...shownCurves.value, key];
}
