import * as z from 'zod'
import { configSchema } from '../../gateway/config.ts'
import { settingsSchema } from '../../jobs/settings.ts'

/** All of `millrace.yaml`: the keys of the gateway, then those of the pipelines' runtime. */
export const schema = z.strictObject({ ...configSchema.shape, ...settingsSchema.shape })

export type Configuration = z.infer<typeof schema>

/** The keys that the model runtime has, too. */
export const isModelKey = (path: string): boolean => Object.hasOwn(settingsSchema.shape, path.split('.')[0]!)
