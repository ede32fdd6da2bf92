import type { QuickJSContext, QuickJSHandle, QuickJSRuntime, VmCallResult } from 'quickjs-emscripten-core'
import { createLimits, type Limits } from './limits.ts'
import { preludeOf, type SandboxColumns } from './prelude.ts'
import { newInstance } from './quickjs.ts'

/** The script itself is wrong: the message of its error, and the stack. */
export class ScriptFailure extends Error {
  readonly scriptStack: string
  constructor(message: string, stack: string) {
    super(message)
    this.scriptStack = stack
  }
}

export interface EngineOptions {
  code: string
  columns: SandboxColumns
  /** milliseconds for a call, and for the script's top level */
  timeout: number
  /** bytes of the whole instance */
  memory: number
  log(level: string, line: string): void
}

export interface Engine {
  /** Rows as JSON text, column by column; gives the text of a `SandboxResult`. Throws `BreachError`. */
  run(rows: string): string
}

/** Nested calls end as an error of the script here; the thread has a stack for several times as much. */
const stackBytes = 256 * 1024

/**
 * QuickJS in a WebAssembly instance of its own, on this thread. Not enough by itself: a few native loops, such as the
 * `join` of an array of 2³¹, never ask whether they should stop, so that the thread is ended from outside
 * (`sandbox.ts`). Throws `ScriptFailure` or `BreachError`; an instance is never used, or freed, after that.
 */
export async function createEngine({ code, columns, timeout, memory, log }: EngineOptions): Promise<Engine> {
  const limits = createLimits(timeout, memory, error => error instanceof ScriptFailure)
  const quickjs = await newInstance(limits.memory)
  const runtime = quickjs.newRuntime({ maxStackSizeBytes: stackBytes, interruptHandler: limits.passed })
  const vm = runtime.newContext()
  limits.begin()
  const { run, stuck, take } = limits.guard(() => load(vm, runtime, limits, { code, columns, log }))
  return {
    run(rows) {
      limits.begin()
      return limits.guard(() => {
        const text = vm.newString(rows)
        own(vm.callFunction(run, vm.undefined, text)).dispose()
        text.dispose()
        for (;;) {
          drain(runtime, limits)
          const result = own(vm.callFunction(take, vm.undefined)).consume(handle => vm.getString(handle))
          if (result !== '') return result
          own(vm.callFunction(stuck, vm.undefined)).dispose()
        }
      })
    },
  }
}

function load(
  vm: QuickJSContext,
  runtime: QuickJSRuntime,
  limits: Limits,
  { code, columns, log }: Pick<EngineOptions, 'code' | 'columns' | 'log'>,
) {
  const boot = own(vm.evalCode(preludeOf(columns), 'prelude'))
  const logHandle = vm.newFunction('log', (level, line) => log(vm.getString(level), vm.getString(line)))
  const handles = own(vm.callFunction(boot, vm.undefined, logHandle))
  const [run, stuck, take, use, describe] = ['run', 'stuck', 'take', 'use', 'describe'].map(name =>
    vm.getProp(handles, name),
  ) as [QuickJSHandle, QuickJSHandle, QuickJSHandle, QuickJSHandle, QuickJSHandle]

  const script = vm.evalCode(code, 'script', { type: 'global' })
  if (script.error) {
    const text = own(vm.callFunction(describe, vm.undefined, script.error)).consume(handle => vm.getString(handle))
    const [message, stack] = JSON.parse(text) as [string, string]
    throw new ScriptFailure(message, stack)
  }
  drain(runtime, limits)
  const found = own(vm.evalCode('typeof process === "function" ? process : undefined', 'script'))
  const used = own(vm.callFunction(use, vm.undefined, found)).consume(handle => vm.getString(handle))
  if (used === '') throw new ScriptFailure('there is no function process(input): write one', '')
  return { run, stuck, take }
}

/** What the prelude gives; it throws nothing but what ends the sandbox. */
function own(result: VmCallResult<QuickJSHandle>): QuickJSHandle {
  if (result.error) throw new Error('the code around the script failed')
  return result.value
}

/** Runs what promises wait for. A job that throws, such as a finalizer of the script, concerns nobody. */
function drain(runtime: QuickJSRuntime, limits: Limits): void {
  while (runtime.hasPendingJob()) {
    if (limits.passed()) throw new Error('promises without end')
    const result = runtime.executePendingJobs(1000)
    if (result.error) result.error.dispose()
  }
}
