/**
 * What plugins import as `millrace/plugin`. `arrow` and `z` are the libraries that the runtime itself uses: rows and
 * schemas that are made with them fit.
 */
export * as arrow from 'apache-arrow'
export * as z from 'zod'
export { type BuiltRows, batchOf, batchOfRows, type Row } from '../batch/build.ts'
export { jsonLines, rowsOf } from '../batch/rows.ts'
export { byteLength, concat, latestPerKey, type Op, opsOf, take } from '../batch/select.ts'
export { nameOf, OP, typeOf, withOp } from '../batch/types.ts'
export type {
  Checkpoint,
  DeadRow,
  Json,
  NodeContext,
  NodeLog,
  NodeMetrics,
  Plugin,
  Position,
  SideOutput,
  Sink,
  Source,
  SourceReader,
  SourceRows,
  Stream,
  Transform,
  TransformContext,
  Udf,
} from '../contract.ts'
export { type PipelineCode, PipelineError, type PipelineErrorOptions } from '../errors.ts'
export { definePlugin, type PluginParts, type PluginSink, type PluginSource, type PluginTransform } from './define.ts'
export type { Rows } from './generated-rows.ts'
export { type ProcessingSink, type SinkParts, sinkFrom } from './sink-from.ts'
export { type GenerateCall, type Generated, type GeneratedSource, type SourceParts, sourceFrom } from './source-from.ts'
export { type ProcessingTransform, type TransformParts, transformFrom } from './transform-from.ts'
