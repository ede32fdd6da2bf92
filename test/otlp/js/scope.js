export const scope = ['checkout', '1.2.3', { schemaUrl: 'https://schemas.test/scope/1' }]

/** What the SDK takes for a time with nanoseconds. */
export const hrTime = ns => [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)]
export const nanoseconds = ([s, ns]) => String(BigInt(s) * 1_000_000_000n + BigInt(ns))
