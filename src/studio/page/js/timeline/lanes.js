// The timeline's lanes from top to bottom, in CSS pixels. Small screens get lower ones.

/**
 * @typedef {"ruler" | "sections" | "wave" | "beats" | "strip" | "prompts" | "curves" | "overview"} LaneName
 * @typedef {{ name: LaneName, top: number, height: number }} Lane
 * @typedef {{ lanes: Lane[], byName: Record<LaneName, Lane>, height: number }} Layout
 */

/** Heights at a font of 16 pixels: usual, and on small screens. @type {[LaneName, number, number][]} */
const HEIGHTS = [
  ["ruler", 24, 22],
  ["sections", 24, 22],
  ["wave", 88, 64],
  ["beats", 26, 24],
  ["strip", 62, 48],
  ["prompts", 40, 36],
  ["curves", 56, 44],
  ["overview", 14, 14],
];
const GAP = 3;

/**
 * @param {number} scale of the font: 1 = 16 pixels
 * @param {boolean} isSmall
 * @returns {Layout}
 */
export function layOut(scale, isSmall) {
  let top = 0;
  const lanes = HEIGHTS.map(([name, usual, small]) => {
    const lane = { name, top, height: Math.round((isSmall ? small : usual) * scale) };
    top += lane.height + GAP;
    return lane;
  });
  const byName = /** @type {Record<LaneName, Lane>} */ (Object.fromEntries(lanes.map((lane) => [lane.name, lane])));
  return { lanes, byName, height: top - GAP };
}

/**
 * The lane at a height; the nearest one between two.
 * @param {Layout} layout
 * @param {number} y
 */
export function laneAt(layout, y) {
  const below = layout.lanes.find((lane) => y < lane.top + lane.height + GAP / 2);
  return /** @type {Lane} */ (below ?? layout.lanes.at(-1));
}
