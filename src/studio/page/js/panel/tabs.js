// The panel's tabs: Prompts, Song, Motion, Film.

import { byId, h, show } from "../dom.js";
import { tab } from "../store.js";
import { whenever } from "../signal.js";

/** @typedef {typeof tab.value} TabName */

/** @type {[TabName, string][]} */
const TABS = [
  ["prompts", "Prompts"],
  ["song", "Song"],
  ["motion", "Motion"],
  ["film", "Film"],
];

export function start() {
  const buttons = TABS.map(([name, label]) =>
    h(
      "button",
      {
        type: "button",
        role: "tab",
        id: `tab-${name}`,
        "aria-controls": `panel-${name}`,
        onclick: () => (tab.value = name),
      },
      label,
    ),
  );
  const list = byId("tabs", HTMLElement);
  list.append(...buttons);
  list.addEventListener("keydown", (event) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const next = (TABS.findIndex(([name]) => name === tab.value) + step + TABS.length) % TABS.length;
    const [name] = TABS[next] ?? ["prompts"];
    tab.value = name;
    buttons[next]?.focus();
  });
  whenever([tab], () => {
    TABS.forEach(([name], index) => {
      const isOpen = tab.value === name;
      buttons[index]?.setAttribute("aria-selected", String(isOpen));
      buttons[index]?.setAttribute("tabindex", isOpen ? "0" : "-1");
      show(byId(`panel-${name}`, HTMLElement), isOpen);
    });
  });
}
