import * as z from 'zod'

/** The section `s3` of the settings: where buckets are, and who asks. What is left out the SDK finds as it always does. */
export const s3Keys = z
  .strictObject({
    endpoint: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('server of MinIO, R2 and the like; default: AWS_ENDPOINT_URL_S3, else AWS'),
    region: z
      .string()
      .min(1)
      .optional()
      .describe('default: AWS_REGION, the profile, else us-east-1 where endpoint is set'),
    access_key_id: z
      .string()
      .min(1)
      .optional()
      .describe('default: the environment, profile files, web identity, and what else the SDK of AWS looks for'),
    secret_access_key: z.string().min(1).optional().describe('of access_key_id'),
    session_token: z.string().min(1).optional().describe('of temporary keys'),
    force_path_style: z
      .boolean()
      .optional()
      .describe('buckets are in the path, not in the host; default: true where endpoint is set'),
  })
  .refine(keys => (keys.access_key_id === undefined) === (keys.secret_access_key === undefined), {
    message: 'access_key_id and secret_access_key go together: set both, or none',
  })

export type S3Settings = z.infer<typeof s3Keys>
