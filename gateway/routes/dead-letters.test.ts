import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestApp } from '../app.suite.ts'
import type { DeadLetterRow } from '../dead-letters.ts'
import { appendOf } from '../store/store.suite.ts'

const local = 'http://127.0.0.1:4318'
const headers = { host: '127.0.0.1:4318' }

interface Page {
  dead_letters: DeadLetterRow[]
  next: number | null
}

/** A dead letter of bytes that need not be UTF-8. */
async function appWithLetters(...raws: Uint8Array<ArrayBuffer>[]) {
  const testApp = await createTestApp()
  for (const bytes of raws) {
    const frames = { bytes, spans: Uint32Array.of(0, bytes.length), count: 1 }
    const dead = [{ at: 0, code: 'bad_utf8' as const, message: 'why', size: bytes.length }]
    await testApp.store.append({ ...appendOf('k', undefined), frames: { ...frames, dead } })
  }
  const get = async <T>(path: string) => (await (await testApp.app.request(local + path, { headers })).json()) as T
  return { ...testApp, get }
}

test('a list of large dead letters is a small answer, and each can be read whole', async () => {
  const binary = new Uint8Array(2 << 20).fill(0xff)
  const { get, close } = await appWithLetters(binary, binary, binary)
  const { dead_letters, next } = await get<Page>('/v1/dead-letters')
  assert.deepEqual(
    dead_letters.map(({ size, base64 }) => [size, Buffer.from(base64!, 'base64').length]),
    Array.from({ length: 3 }, () => [binary.length, 1024]),
  )
  assert.equal(next, null)
  const whole = await get<DeadLetterRow>(`/v1/dead-letters/${dead_letters[1]!.id}`)
  assert.ok(Buffer.from(whole.base64!, 'base64').equals(binary))
  await close()
})

test('a preview that ends inside a character is still text', async () => {
  const text = `x${'ä'.repeat(2000)}`
  const { get, close } = await appWithLetters(new TextEncoder().encode(text))
  const { dead_letters } = await get<Page>('/v1/dead-letters')
  assert.equal(dead_letters[0]!.text, `x${'ä'.repeat(511)}`)
  assert.equal((await get<DeadLetterRow>(`/v1/dead-letters/${dead_letters[0]!.id}`)).text, text)
  await close()
})

test('a page of at least one is asked for, and the last one says so', async () => {
  const { app, get, close } = await appWithLetters(...['a', 'b', 'c'].map(text => new TextEncoder().encode(text)))
  assert.equal((await app.request(`${local}/v1/dead-letters?limit=0`, { headers })).status, 400)
  const seen: (string | undefined)[] = []
  let after: number | null = 0
  while (after !== null) {
    const page: Page = await get<Page>(`/v1/dead-letters?limit=2&after=${after}`)
    seen.push(...page.dead_letters.map(({ text }) => text))
    after = page.next
  }
  assert.deepEqual(seen, ['a', 'b', 'c'])
  await close()
})
