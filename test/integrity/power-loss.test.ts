import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Finding, runSeed, type SeedOptions } from './power/campaign.ts'
import { createGateway } from './power/gateway.ts'
import { createStandIn } from './power/stand-in.ts'
import type { Subject } from './power/subject.ts'

const { MILLRACE_POWER_SEEDS = '50', MILLRACE_POWER_SEED, MILLRACE_POWER_WORKSPACE } = process.env
const seeds = MILLRACE_POWER_SEED === undefined ? range(Number(MILLRACE_POWER_SEEDS)) : [Number(MILLRACE_POWER_SEED)]
const controlSeeds = range(5)
/** one recording waits for its disk while another one is judged */
const seedsAtOnce = 2

const soundWriter = createStandIn({ synchronous: 'full', ack: 'after commit' })
const scratch = mkdtempSync(join(tmpdir(), 'millrace-power-'))
let keepScratch = false
after(() => keepScratch || rmSync(scratch, { recursive: true, force: true }))

test(`every acknowledged event survives a power cut once and in order, and nothing else appears (${seeds.length} seeds)`, async () => {
  const judged = await runSeeds(createGateway('full'), seeds, { workspace: MILLRACE_POWER_WORKSPACE })
  const failed = judged.filter(({ findings }) => findings.length > 0)
  keepScratch = failed.length > 0
  assert.equal(failed.length, 0, failed.map(describe).join('\n'))
})

test('a sound writer is found to lose nothing', async () => {
  const judged = await runSeeds(soundWriter, controlSeeds)
  assert.deepEqual(
    judged.map(describe),
    controlSeeds.map(seed => `seed ${seed}: 0 findings`),
  )
})

test('a writer with synchronous=OFF is found to lose acknowledged events on every seed', async () => {
  const judged = await runSeeds(createStandIn({ synchronous: 'off', ack: 'after commit' }), controlSeeds)
  assert.deepEqual(losers(judged), controlSeeds)
})

const unsound: Record<string, Subject> = {
  'a writer with synchronous=NORMAL': createStandIn({ synchronous: 'normal', ack: 'after commit' }),
  'a writer that acknowledges before its commit': createStandIn({ synchronous: 'full', ack: 'before commit' }),
  'the gateway with --durability relaxed': createGateway('relaxed'),
}
for (const [name, subject] of Object.entries(unsound))
  test(`${name} is found to lose acknowledged events`, async () => {
    assert.notDeepEqual(losers(await runSeeds(subject, controlSeeds)), [])
  })

/** They show that the seeds reach the moments at which these syncs matter: checkpoints, WAL resets, new files. */
const lies = { 'the database': 'events.db', 'the WAL': 'events.db-wal', 'the directory': '' }
for (const [what, name] of Object.entries(lies))
  test(`a disk that only pretends to sync ${what} is found out`, async () => {
    const judged = await runSeeds(soundWriter, controlSeeds, {
      liesAbout: file => file === name,
      generations: 1,
      cuts: 30,
    })
    assert.notDeepEqual(losers(judged), [])
  })

test('a finding comes again from its trace', async () => {
  const off = createStandIn({ synchronous: 'off', ack: 'after commit' })
  const workspace = mkdtempSync(join(scratch, 'again-'))
  const [first] = await runSeeds(off, [1], { workspace })
  assert.deepEqual(await runSeeds(off, [1], { workspace }), [first])
})

interface Judged {
  seed: number
  workspace: string
  findings: Finding[]
}

/** The workspaces of seeds in which something was found stay. */
async function runSeeds(subject: Subject, list: number[], options: Partial<SeedOptions> = {}): Promise<Judged[]> {
  const waiting = list.values()
  const judged: Judged[] = []
  async function worker(): Promise<void> {
    for (const seed of waiting) {
      const workspace = options.workspace ?? mkdtempSync(join(scratch, `seed-${seed}-`))
      const findings = await runSeed(subject, { ...options, seed, workspace })
      judged.push({ seed, workspace, findings })
      if (findings.length === 0 && options.workspace === undefined) rmSync(workspace, { recursive: true })
    }
  }
  await Promise.all(range(seedsAtOnce).map(worker))
  return judged.sort((a, b) => a.seed - b.seed)
}

/** The seeds in which an acknowledged event was lost. */
function losers(judged: readonly Judged[]): number[] {
  return judged.filter(({ findings }) => findings.some(one => one.violation === 'lost')).map(({ seed }) => seed)
}

function describe({ seed, workspace, findings }: Judged): string {
  const summary = `seed ${seed}: ${findings.length} findings`
  if (findings.length === 0) return summary
  const lines = findings
    .slice(0, 5)
    .map(
      one => `  generation ${one.generation}, moment ${one.moment} of ${one.moments}: ${one.violation}: ${one.message}`,
    )
  const which = `MILLRACE_POWER_SEED=${seed} MILLRACE_POWER_WORKSPACE=${workspace}`
  const again = `${which} node --test --test-name-pattern=survives test/integrity/power-loss.test.ts`
  return [summary, ...lines, `  the same trace again: ${again}`].join('\n')
}

function range(length: number): number[] {
  return Array.from({ length }, (_, k) => k + 1)
}
