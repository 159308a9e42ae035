// Which colour a section has.

/**
 * Numbers of the colours of sections: one for each name, in the order of appearance.
 * @param {readonly { label: string }[]} sections
 * @param {number} nColours
 */
export function seriesOf(sections, nColours) {
  /** @type {Map<string, number>} */
  const seen = new Map();
  return sections.map(({ label }) => {
    if (!seen.has(label)) seen.set(label, seen.size % nColours);
    return /** @type {number} */ (seen.get(label));
  });
}
