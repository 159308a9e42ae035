// Binary search in ascending numbers: what makes the timeline's cost depend on the window, not on the song.

/**
 * A number that is known to be there.
 * @param {ArrayLike<number>} numbers
 * @param {number} index
 */
export function valueAt(numbers, index) {
  return /** @type {number} */ (numbers[index]);
}

/**
 * Index of the first number that is at least `wanted`; the length if there is none.
 * @param {ArrayLike<number>} ascending
 * @param {number} wanted
 */
export function lowerBound(ascending, wanted) {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (valueAt(ascending, middle) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Index of the last number that is at most `wanted`; -1 if there is none.
 * @param {ArrayLike<number>} ascending
 * @param {number} wanted
 */
export function lastAtMost(ascending, wanted) {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (valueAt(ascending, middle) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/**
 * Index of the number nearest to `wanted`; -1 if there are none.
 * @param {ArrayLike<number>} ascending
 * @param {number} wanted
 */
export function nearest(ascending, wanted) {
  const above = lowerBound(ascending, wanted);
  if (above === 0) return ascending.length ? 0 : -1;
  if (above === ascending.length) return above - 1;
  const isAboveNearer = valueAt(ascending, above) - wanted < wanted - valueAt(ascending, above - 1);
  return isAboveNearer ? above : above - 1;
}
