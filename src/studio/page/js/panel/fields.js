// Fields with a label. A value that is typed is kept on Enter, on leaving, or after a pause; an answer doesn't overwrite typing.

import { h, isWithControl } from "../dom.js";

const PAUSE_MS = 300;
let nFields = 0;

/**
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} input
 * @property {(value: string) => void} fill shows a value, unless somebody is typing another one
 */

/**
 * @param {string} label
 * @param {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} input
 * @param {Node[]} [beside] what stands behind the input
 */
function labelled(label, input, beside = []) {
  input.id ||= `field-${++nFields}`;
  const row = beside.length ? h("div", { class: "field-row" }, input, ...beside) : input;
  return h("div", { class: "field" }, h("label", { for: input.id }, label), row);
}

/**
 * @param {string} label
 * @param {(value: string) => void} keep
 * @param {{ isLong?: boolean, isLive?: boolean, hint?: string, inputmode?: string, list?: string, beside?: Node[] }} [options]
 * @returns {Field}
 */
export function textField(label, keep, options = {}) {
  const properties = {
    placeholder: options.hint,
    inputmode: options.inputmode,
    autocomplete: "off",
    list: options.list,
  };
  const input = options.isLong
    ? h("textarea", { rows: 2, ...properties })
    : h("input", { type: "text", ...properties });
  let shown = "";
  let timer = 0;
  const send = () => {
    clearTimeout(timer);
    if (input.value === shown) return;
    shown = input.value;
    keep(input.value.trim());
  };
  input.addEventListener("change", send);
  input.addEventListener("keydown", (event) => {
    if (!(event instanceof KeyboardEvent)) return;
    if (event.key === "Enter" && !event.isComposing) {
      if (!isWithControl(event)) event.preventDefault();
      send();
    } else if (event.key === "Escape") {
      input.value = shown;
      clearTimeout(timer);
      input.blur();
    }
  });
  if (options.isLive) {
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = window.setTimeout(send, PAUSE_MS);
    });
  }
  return {
    element: labelled(label, input, options.beside),
    input,
    fill(value) {
      if (document.activeElement === input && input.value !== shown) return;
      if (input.value.trim() !== value) input.value = value;
      shown = input.value;
    },
  };
}

/**
 * @param {string} label
 * @param {readonly (readonly [string, string])[]} choices value and name
 * @param {(value: string) => void} keep
 * @returns {Field & { offer: (choices: readonly (readonly [string, string])[]) => void }}
 */
export function selectField(label, choices, keep) {
  const input = h("select", { onchange: () => keep(input.value) });
  const offer = (/** @type {typeof choices} */ wanted) => {
    input.replaceChildren(...wanted.map(([value, name]) => h("option", { value }, name)));
  };
  offer(choices);
  return {
    element: labelled(label, input),
    input,
    offer,
    fill(value) {
      if (![...input.options].some((option) => option.value === value)) input.append(h("option", { value }, value));
      input.value = value;
    },
  };
}

/**
 * A slider with its number behind it. The slider's middle is `middle`, so that the usual value is easy to find.
 * @param {string} label
 * @param {{ max: number, middle: number, digits: number, hint: string, off?: string }} range `off` = what 0 is called
 * @param {(value: number) => void} keep
 */
export function slider(label, range, keep) {
  const power = Math.log(range.middle / range.max) / Math.log(0.5);
  const toValue = (/** @type {number} */ share) => Number((range.max * share ** power).toFixed(range.digits));
  const toShare = (/** @type {number} */ value) => (value / range.max) ** (1 / power);
  const input = h("input", { type: "range", min: 0, max: 1, step: 0.005, title: range.hint });
  const output = h("output", { class: "slider-value" });
  const words = (/** @type {number} */ value) => (value === 0 && range.off ? range.off : String(value));
  let isHeld = false;
  input.addEventListener("input", () => {
    isHeld = true;
    const value = toValue(Number(input.value));
    output.textContent = words(value);
    input.setAttribute("aria-valuetext", words(value));
    keep(value);
  });
  input.addEventListener("change", () => (isHeld = false));
  const element = labelled(label, input, [output]);
  element.classList.add("is-slider");
  return {
    element,
    input,
    /** @param {number} value */
    fill(value) {
      if (isHeld) return;
      input.value = String(toShare(value));
      output.textContent = words(value);
      input.setAttribute("aria-valuetext", words(value));
    },
  };
}

/** @param {string} label @param {(isOn: boolean) => void} keep @param {string} [hint] */
export function checkField(label, keep, hint) {
  const input = h("input", { type: "checkbox", onchange: () => keep(input.checked) });
  input.id = `field-${++nFields}`;
  const element = h("div", { class: "check" }, input, h("label", { for: input.id, title: hint }, label));
  return { element, input, fill: (/** @type {boolean} */ isOn) => void (input.checked = isOn) };
}
