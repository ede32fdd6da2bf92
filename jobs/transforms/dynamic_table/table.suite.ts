import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { DynamicTable } from '../../runtime/contract.ts'

/** What every backend does. `open` gives an empty table, which the suite closes. */
export function tableSuite(name: string, open: (t: TestContext) => Promise<DynamicTable>): void {
  async function tableFor(t: TestContext): Promise<DynamicTable> {
    const table = await open(t)
    t.after(() => table.close())
    return table
  }

  test(`${name}: an empty table has nothing`, async t => {
    const table = await tableFor(t)
    assert.deepEqual(await table.has(['a', '', null]), [false, false, false])
    assert.deepEqual(await table.has([]), [])
  })

  test(`${name}: what was added is there, in the order of the question, and null never is`, async t => {
    const table = await tableFor(t)
    await table.add(['b', 'a', 'b'])
    assert.deepEqual(await table.has(['a', null, 'c', 'b', 'a']), [true, false, false, true, true])
  })

  test(`${name}: a value that is added again stays as it is`, async t => {
    const table = await tableFor(t)
    await table.add(['a'])
    await table.add(['a', 'c'])
    await table.add([])
    assert.deepEqual(await table.has(['a', 'b', 'c']), [true, false, true])
  })

  test(`${name}: values are compared byte for byte`, async t => {
    const table = await tableFor(t)
    const hostile = ["'; drop table t; --", 'a\u0000b', '', ' ', 'É', 'É', '💧', '1', '__proto__', 'x'.repeat(100_000)]
    await table.add(hostile)
    assert.ok((await table.has(hostile)).every(Boolean))
    const near = ['a', 'a\u0000c', '  ', 'é', 'E\u0301\u0301', '01', '1.0', 'constructor', 'x'.repeat(99_999)]
    assert.ok(!(await table.has(near)).some(Boolean))
  })

  test(`${name}: more values than one go takes are all taken`, async t => {
    const table = await tableFor(t)
    const values = Array.from({ length: 2501 }, (_, i) => `v${i}`)
    await table.add(values)
    const found = await table.has([...values, 'v2501'])
    assert.equal(found.length, 2502)
    assert.equal(found.indexOf(false), 2501)
  })
}
