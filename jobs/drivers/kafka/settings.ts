import * as z from 'zod'

/** Connection settings of the kafka source and sink: names and defaults are those of the model runtime. */

const mechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const

export const kafkaConnection = {
  brokers: z.string().min(1).default('localhost:9092').describe('HOST:PORT of some brokers, separated by commas'),
  security_protocol: z
    .string()
    .transform(name => name.toLowerCase())
    .pipe(z.enum(['plaintext', 'ssl', 'sasl_plaintext', 'sasl_ssl']))
    .prefault('plaintext')
    .describe('plaintext, ssl, sasl_plaintext or sasl_ssl'),
  sasl_mechanism: z
    .string()
    .transform(name => name.toUpperCase().replaceAll('_', '-'))
    .pipe(z.enum(mechanisms))
    .optional()
    .describe(`where the protocol has sasl: ${mechanisms.join(', ')}`),
  sasl_username: z.string().optional().describe('or the client id, where sasl_oauthbearer_token_url is set'),
  sasl_password: z.string().optional().describe('or the token of OAUTHBEARER, or the secret of the client'),
  sasl_oauthbearer_token_url: z
    .url()
    .optional()
    .describe('endpoint that gives tokens to a client (OAuth 2.0, client_credentials)'),
  ssl_ca_location: z.string().optional().describe('file of the certificates that are trusted; default: those of Node'),
  ssl_certificate_location: z.string().optional().describe('file of the own certificate, where brokers want one'),
  ssl_key_location: z.string().optional().describe('file of its key'),
  schema_registry_url: z
    .url()
    .default('http://localhost:18081')
    .describe("a schema registry with Confluent's API, for Avro"),
  schema_registry_username: z.string().optional().describe('for basic authentication at the registry'),
  schema_registry_password: z.string().optional().describe('for basic authentication at the registry'),
  client_id: z.string().min(1).optional().describe('how the brokers know this client; default: millrace'),
}

const source = z.strictObject({
  ...kafkaConnection,
  consumer_group_id: z
    .string()
    .min(1)
    .optional()
    .describe('processes with the same one share the partitions: the group is this, a dash and the name of the source'),
  lag_report_interval_ms: z.int().min(100).default(60_000).describe('how often the lag is measured; milliseconds'),
})
const sink = z.strictObject(kafkaConnection)

export type KafkaConnection = z.infer<typeof sink>
export const kafkaSource = source
export const kafkaSink = sink
