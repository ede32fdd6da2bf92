const blocks = '▁▂▃▄▅▆▇█'

/** A line of `width` blocks at most, each the largest of its values; a full block is `top`. */
export function plot(values: readonly number[], top: number, width = 60): string {
  const each = Math.max(1, Math.ceil(values.length / width))
  let line = ''
  for (let from = 0; from < values.length; from += each) {
    const share = Math.max(...values.slice(from, from + each)) / top
    line += blocks[Math.min(blocks.length - 1, Math.max(0, Math.ceil(share * blocks.length) - 1))]
  }
  return line
}

/** The first, middle and last third; what cannot be divided is left out of the end. */
export function thirds<T>(values: readonly T[]): [T[], T[], T[]] {
  const third = Math.floor(values.length / 3)
  return [values.slice(0, third), values.slice(third, 2 * third), values.slice(2 * third, 3 * third)]
}
