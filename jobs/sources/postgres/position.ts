import { literal, quote } from '../../drivers/postgres/names.ts'
import type { Json, Position } from '../../runtime/contract.ts'
import { PipelineError } from '../../runtime/errors.ts'
import type { Table } from './table.ts'

/**
 * `{ "SCHEMA.TABLE": { key: [NAMES], after: [VALUES] } }`: all rows up to the one with that key were read, whose values are
 * as Postgres writes them. `from` instead of `after`: nothing was read, and the first column begins there. Neither: from
 * the first row.
 */
export interface Place {
  after?: readonly string[]
  from?: string
}

export function positionOf({ shown, key }: Table, { after, from }: Place): Position {
  const names = key.map(({ name }) => name)
  if (after !== undefined) return { [shown]: { key: names, after } }
  return { [shown]: from === undefined ? { key: names } : { key: names, from } }
}

export function placeOf({ shown, key }: Table, position: Position): Place {
  const value = position[shown] as { [key: string]: Json } | null | undefined
  if (value === undefined) {
    const known = Object.keys(position).join(', ') || 'none'
    throw state(
      `the state has a position of ${known}, and none of ${shown}: reset the pipeline, or give the source another name`,
    )
  }
  const names = value?.key
  const { after, from } = value ?? {}
  if (!isTexts(names) || !(after === undefined || isTexts(after)) || !(from === undefined || typeof from === 'string'))
    throw state(`the position of ${shown} in the state is damaged: ${JSON.stringify(value)}`)
  if (
    names.join('\0') !== key.map(({ name }) => name).join('\0') ||
    (after !== undefined && after.length !== key.length)
  )
    throw state(
      `the position of ${shown} in the state is by the key ${names.join(', ')}, and the key now is ${key.map(({ name }) => name).join(', ')}: name the old one in \`key\`, or reset the pipeline`,
    )
  return { ...(after !== undefined && { after }), ...(from !== undefined && { from }) }
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every(item => typeof item === 'string')
const state = (message: string) => new PipelineError('state', message)

/** Conditions of SQL that rows behind the place have; none: all have. */
export function behind({ key }: Table, { after, from }: Place): string[] {
  if (after !== undefined) return [`(${namesOf(key)}) > (${valuesOf(key, after)})`]
  return from === undefined ? [] : [`${quote(key[0]!.name)} >= ${valuesOf(key, [from])}`]
}

/** The condition that rows have up to the one with the key. */
export const upTo = ({ key }: Table, last: readonly string[]): string => `(${namesOf(key)}) <= (${valuesOf(key, last)})`

const namesOf = (key: Table['key']) => key.map(({ name }) => quote(name)).join(', ')
const valuesOf = (key: Table['key'], values: readonly string[]) =>
  values.map((value, at) => `${literal(value)}::${key[at]!.declared}`).join(', ')
