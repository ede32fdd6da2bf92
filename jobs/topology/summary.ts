import type { Topology } from './topology.ts'

/** `orders: 1 source, 2 transforms, 1 sink: ok`, and for each sink what it guarantees for the rows of each source. */
export function summary(topology: Topology): string {
  const { name, sources, transforms, tables, sinks } = topology
  const parts = [
    count(sources.length, 'source'),
    count(transforms.length, 'transform'),
    ...(tables.length > 0 ? [count(tables.length, 'dynamic table')] : []),
    count(sinks.length, 'sink'),
  ]
  const pairs = sinks.flatMap(sink =>
    sourcesOf(topology, sink.name).map(
      source => `  ${source} -> ${sink.name} (${sink.type}): ${sink.definition.guarantee}`,
    ),
  )
  return [`${name}: ${parts.join(', ')}: ok`, ...pairs].join('\n')
}

/** Names of the sources that a node's rows come from. */
function sourcesOf({ nodes, sources }: Topology, name: string): string[] {
  const wanted = new Set([name])
  for (const node of [...nodes].reverse()) if (wanted.has(node.name)) for (const input of node.inputs) wanted.add(input)
  return sources.filter(source => wanted.has(source.name)).map(source => source.name)
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
