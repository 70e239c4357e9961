/** The lower of the two in the middle where there are two: a figure that was measured. */
export function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) / 2)]
}
