/** What the script transform of `pipeline-script` runs on each row, and its reference outside of the sandbox. */
export const scriptText = `
function process(input) {
  if (input.amount < 250) return null
  const { sku, quantity } = JSON.parse(input.detail)
  return {
    id: input.id,
    customer: input.customer.toUpperCase(),
    total: input.amount * quantity * 1.19,
    sku,
  }
}`

export const scriptSchema = { id: 'int64', customer: 'utf8', total: 'float64', sku: 'utf8' }
