/** Order `at` as an object; columns as in `orders.ts`, and `_gs_op`. */
export function readyRow(at: number) {
  const spread = Math.imul(at + 1, 0x9e3779b1) >>> 0
  return {
    id: at,
    customer: `customer-${spread % 50_000}`,
    country: ['DE', 'FR', 'US', 'JP', 'BR'][spread % 5]!,
    amount: (spread % 100_000) / 100,
    ordered_at: new Date(Date.UTC(2026, 0, 1) + at * 1000).toISOString(),
    detail: `{"sku":"sku-${spread % 10_000}","quantity":${(spread % 9) + 1},"gift":${spread % 2 === 0}}`,
    _gs_op: 'i',
  }
}
