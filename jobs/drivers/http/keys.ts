import * as z from 'zod'

/** Keys that the nodes which talk HTTP have in common. */

const url = z
  .url({ protocol: /^https?$/, error: 'expected an address such as http://localhost:8087/rows' })
  .describe('address that rows are posted to')

export const httpKeys = {
  url,
  headers: z.record(z.string(), z.string()).default({}).describe('headers of every request'),
  secret_name: z
    .string()
    .min(1)
    .optional()
    .describe('one more header, from the settings http_secret_header and http_secret_value of this name'),
  one_row_per_request: z.boolean().default(false).describe('a request per row, whose body is the row without an array'),
  payload_version: z
    .union([z.literal(0), z.literal(1)])
    .default(0)
    .describe('0: the row itself; 1: {"metadata":{"op":"i|u|d"},"data":ROW}'),
  on_error: z
    .enum(['fail', 'dead_letter'])
    .default('fail')
    .describe('what an answer does that a retry cannot help: the pipeline fails, or the rows become dead letters'),
}

export type PayloadVersion = 0 | 1
