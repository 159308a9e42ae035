// A list of any length for mouse, keyboard and screen readers: only the rows that can be seen exist.

import { h } from "./dom.js";

/**
 * @typedef {object} ListOptions
 * @property {string} label of the list, for screen readers
 * @property {number} rowRem height of a row
 * @property {(index: number) => (Node | string)[]} row content of a row
 * @property {(index: number) => void} choose is called when a row is chosen
 * @property {(index: number) => void} [enter] is called on Enter and on a double click
 */

let nLists = 0;

export class ListBox {
  /** @param {ListOptions} options */
  constructor(options) {
    this.options = options;
    this.id = `list-${++nLists}`;
    this.n = 0;
    this.chosen = -1;
    this.rows = h("div", { class: "list-rows", role: "presentation" });
    this.element = h(
      "div",
      {
        class: "list",
        role: "listbox",
        tabindex: 0,
        "aria-label": options.label,
        onkeydown: (/** @type {KeyboardEvent} */ event) => this.key(event),
        onscroll: () => this.render(),
        onclick: (/** @type {MouseEvent} */ event) => this.click(event),
        ondblclick: () => this.chosen >= 0 && options.enter?.(this.chosen),
      },
      this.rows,
    );
    new ResizeObserver(() => this.render()).observe(this.element);
  }

  /**
   * Shows `n` rows anew.
   * @param {number} n
   * @param {number} chosen -1 = none
   */
  show(n, chosen) {
    const isNew = chosen !== this.chosen || n !== this.n;
    this.n = n;
    this.chosen = chosen;
    this.render();
    if (isNew && chosen >= 0) this.reveal(chosen);
  }

  get rowPx() {
    return this.options.rowRem * Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  }

  render() {
    const { rowPx } = this;
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(Math.floor(scrollTop / rowPx) - 3, 0);
    const last = Math.min(Math.ceil((scrollTop + clientHeight) / rowPx) + 3, this.n);
    this.rows.style.height = `${this.n * rowPx}px`;
    const options = [];
    // The chosen row exists even while it is scrolled away, so that it can be named as the active one.
    if (this.chosen >= 0 && this.chosen < this.n && (this.chosen < first || this.chosen >= last))
      options.push(this.option(this.chosen, rowPx));
    for (let index = first; index < last; index++) options.push(this.option(index, rowPx));
    this.rows.replaceChildren(...options);
    if (this.chosen >= 0) this.element.setAttribute("aria-activedescendant", `${this.id}-${this.chosen}`);
    else this.element.removeAttribute("aria-activedescendant");
  }

  /** @param {number} index @param {number} rowPx */
  option(index, rowPx) {
    const option = h(
      "div",
      {
        class: "list-row",
        role: "option",
        id: `${this.id}-${index}`,
        "data-index": index,
        "aria-selected": String(index === this.chosen),
        "aria-setsize": this.n,
        "aria-posinset": index + 1,
      },
      this.options.row(index),
    );
    option.style.top = `${index * rowPx}px`;
    option.style.height = `${rowPx}px`;
    return option;
  }

  /** Scrolls a row into the list. @param {number} index */
  reveal(index) {
    const { rowPx, element } = this;
    const top = index * rowPx;
    if (top < element.scrollTop) element.scrollTop = top - rowPx;
    else if (top + rowPx > element.scrollTop + element.clientHeight)
      element.scrollTop = top + 2 * rowPx - element.clientHeight;
  }

  /** @param {MouseEvent} event */
  click(event) {
    const row = event.target instanceof Element ? event.target.closest("[data-index]") : null;
    if (row instanceof HTMLElement) this.choose(Number(row.dataset["index"]));
  }

  /** @param {number} index */
  choose(index) {
    const wanted = Math.min(Math.max(index, 0), this.n - 1);
    if (wanted < 0) return;
    this.show(this.n, wanted);
    this.options.choose(wanted);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const page = Math.max(Math.floor(this.element.clientHeight / this.rowPx) - 1, 1);
    /** @type {Record<string, number>} */
    const targets = {
      ArrowDown: this.chosen + 1,
      ArrowUp: Math.max(this.chosen - 1, 0),
      PageDown: this.chosen + page,
      PageUp: this.chosen - page,
      Home: 0,
      End: this.n - 1,
    };
    const target = targets[event.key];
    if (target !== undefined) this.choose(target);
    else if (event.key === "Enter" && this.chosen >= 0) this.options.enter?.(this.chosen);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
