/** Labels that the runtime sets itself on the metrics of every node. */
const reserved = ['id', 'topology_node_type', 'operator_type', 'service_instance_id']

/** Type → what its nodes are told apart by; a plugin's is its type. */
const identities: Readonly<Record<string, readonly string[]>> = {
  kafka: ['topic'],
  clickhouse: ['table'],
  postgres: ['table'],
  postgres_aggregate: ['table'],
  sqlite: ['table', 'path'],
  sqlite_aggregate: ['table', 'path'],
  events: ['table'],
  file: ['path'],
  parquet: ['path'],
  hybrid: ['table', 'topic'],
  handler: ['url'],
  webhook: ['url'],
  script: ['language'],
  sql: [],
  dynamic_table: [],
  print: [],
  blackhole: [],
}

const limits = { labels: 20, bytes: 256 }

/** What is wrong with `telemetry.labels` of a node: the key, or undefined for all of them, and a sentence. */
export function labelProblems(
  type: string,
  labels: Readonly<Record<string, string>>,
): { key: string | undefined; message: string }[] {
  const problems: { key: string | undefined; message: string }[] = []
  const names = Object.keys(labels)
  if (names.length > limits.labels)
    problems.push({ key: undefined, message: `${names.length} labels: a node has at most ${limits.labels}` })
  const taken = [...reserved, ...(identities[type] ?? ['type'])]
  for (const key of names) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(key) || key.startsWith('__'))
      problems.push({
        key,
        message: `label '${key}': expected letters, digits and _, no digit first, and not __ at the start`,
      })
    else if (taken.includes(key)) problems.push({ key, message: `label '${key}' is one that the runtime sets itself` })
    const value = labels[key]!
    const bytes = new TextEncoder().encode(value).length
    if (bytes > limits.bytes)
      problems.push({ key, message: `label '${key}': ${bytes} bytes, at most ${limits.bytes} are allowed` })
    if (/(?!\t)\p{Cc}/u.test(value))
      problems.push({ key, message: `label '${key}': control characters other than tab are not allowed` })
  }
  return problems
}
