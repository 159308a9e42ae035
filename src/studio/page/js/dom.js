// Elements in one call. Text is always text: nothing that a song or a prompt says can become markup.

/**
 * @typedef {Node | string | number | null | undefined | false} Child
 * @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Properties
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with attributes; `on...` are listeners, `class` its classes, false and null leave an attribute out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Properties | null} [properties]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "value" && "value" in element) element.value = /** @type {any} */ (String(value));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter(isShown).map(asNode));
  return element;
}

/** @param {Child} child @returns {child is Node | string | number} */
function isShown(child) {
  return child !== null && child !== undefined && child !== false;
}

/** @param {Node | string | number} child */
function asNode(child) {
  return child instanceof Node ? child : String(child);
}

/**
 * An icon of index.html's sprite; it says nothing to a screen reader, so its button needs a label.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/**
 * A button with an icon and a label that is read, and shown as a tip.
 * @param {string} name of the icon
 * @param {string} label
 * @param {() => void} action
 * @param {Properties} [properties]
 */
export function iconButton(name, label, action, properties) {
  return h(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label, onclick: action, ...properties },
    icon(name),
  );
}

/**
 * The element of index.html with this id.
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function byId(id, kind) {
  const element = document.getElementById(id);
  if (!(element instanceof kind)) throw new Error(`index.html has no ${kind.name} #${id}`);
  return element;
}

/**
 * Shows or hides; what is hidden takes no place and no focus.
 * @param {Element} element
 * @param {boolean} isShown
 */
export function show(element, isShown) {
  element.toggleAttribute("hidden", !isShown);
}

/**
 * Whether keys now belong to a field.
 * @param {EventTarget | null} target
 */
export function isTyping(target) {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["checkbox", "radio", "button", "range"].includes(target.type);
}

/** Whether a key comes with Ctrl, or Cmd on a Mac. @param {KeyboardEvent} event */
export const isWithControl = (event) => event.ctrlKey || event.metaKey;
