import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createTraceParser, readTrace, type Step } from './trace.ts'

function parse(...lines: string[]): Step[] {
  const parser = createTraceParser()
  return lines.flatMap(line => parser.parse(line))
}

const summary = (steps: Step[]) => steps.map(({ phase, call }) => `${phase} ${call.name}`)

test('a call on one line begins and ends at once, with its result', () => {
  const [begin, end] = parse(String.raw`12  write(3<\x2f\x61>, "\x78", 1) = 1`)
  assert.equal(begin?.phase, 'begin')
  assert.equal(end?.phase, 'end')
  assert.equal(begin.call, end.call)
  assert.deepEqual(end.call, { name: 'write', args: String.raw`3<\x2f\x61>, "\x78", 1`, result: 1 })
})

test('a call that another thread interrupts ends where it resumes', () => {
  const steps = parse(
    String.raw`12  fsync(3<\x2f\x61> <unfinished ...>`,
    String.raw`13  write(4<\x2f\x62>, "\x78", 1 <unfinished ...>`,
    '12  <... fsync resumed>)              = 0',
    String.raw`12  fsync(5<\x2f\x63>)              = 0`,
    '13  <... write resumed>)              = 1',
  )
  assert.deepEqual(summary(steps), ['begin fsync', 'begin write', 'end fsync', 'begin fsync', 'end fsync', 'end write'])
  assert.equal(steps[0]?.call, steps[2]?.call)
  assert.equal(steps[1]?.call, steps[5]?.call)
  assert.equal(steps[5]?.call.result, 1)
})

test('arguments that are printed only when the call resumes are not lost', () => {
  const steps = parse(
    '12  mmap(NULL, 5 <unfinished ...>',
    '12  <... mmap resumed>, PROT_READ, MAP_SHARED, -1, 0) = 0x7f00',
  )
  assert.deepEqual(steps[1]?.call, { name: 'mmap', args: 'NULL, 5, PROT_READ, MAP_SHARED, -1, 0', result: 0x7f00 })
})

test('a failed call has a negative result, one that never returned has none', () => {
  const [, failed] = parse(
    String.raw`12  openat(AT_FDCWD<\x2f>, "\x61", O_RDONLY) = -1 ENOENT (No such file or directory)`,
  )
  assert.equal(failed?.call.result, -1)
  assert.equal(failed.call.args, String.raw`AT_FDCWD<\x2f>, "\x61", O_RDONLY`)
  assert.equal(parse('12  fsync(3)   = ?')[1]?.call.result, undefined)
  assert.deepEqual(summary(parse('12  fsync(3 <unfinished ...>', '12  +++ killed by SIGKILL +++')), ['begin fsync'])
})

test('signals and exits are no calls', () => {
  assert.deepEqual(
    parse('12  --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER} ---', '12  +++ exited with 0 +++', ''),
    [],
  )
})

test('a line that is not of strace is refused by its text', () => {
  assert.throws(() => parse('12  hello'), /not a line of strace: 12 {2}hello/)
  assert.throws(() => parse('12  <... write resumed>) = 1'), /a call resumes that never began/)
})

test('a trace file is read in the order of its lines', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'millrace-trace-'))
  try {
    writeFileSync(join(dir, 'trace'), '12  fsync(3) = 0\n13  fsync(4) = 0\n')
    const steps: Step[] = []
    await readTrace(join(dir, 'trace'), step => steps.push(step))
    const seen = steps.map(({ phase, call }) => `${phase} ${call.args}`)
    assert.deepEqual(seen, ['begin 3', 'end 3', 'begin 4', 'end 4'])
  } finally {
    rmSync(dir, { recursive: true })
  }
})
