// Where a prompt stands in the file now: the plan that names its line may be a change or two behind the text.

/**
 * @param {string} text of the prompts file as it is now
 * @param {{ line: number, text: string }} prompt as the plan has it
 * @returns {number} line from 1
 */
export function lineNow(text, prompt) {
  const lines = text.split("\n");
  const holds = (/** @type {number} */ line) => (lines[line - 1] ?? "").includes(prompt.text);
  if (holds(prompt.line)) return prompt.line;
  for (let away = 1; away <= lines.length; away++) {
    if (holds(prompt.line - away)) return prompt.line - away;
    if (holds(prompt.line + away)) return prompt.line + away;
  }
  // Its words have changed; then its line hasn't.
  return prompt.line;
}
