import type { TestGateway } from './gateway.ts'

const path = (key: string) => `/v1/streams/${encodeURIComponent(key)}`

export interface DeadLetter {
  index: number
  code: string
  text: string
}

/** What a gateway has of a stream. */
export function readStreams(gateway: TestGateway) {
  const { ask } = gateway

  async function head(key: string): Promise<{ count: number; epoch: number } | undefined> {
    const { status, headers } = await ask(path(key), { method: 'HEAD' })
    if (status === 404) return undefined
    return { count: Number(headers.get('millrace-count')), epoch: Number(headers.get('millrace-epoch')) }
  }

  async function payloads(key: string): Promise<string[]> {
    const all: string[] = []
    for (let from: string | null = '0'; from !== null; ) {
      const response: Response = await ask(`${path(key)}/events?limit=1000&from=${from}`)
      const lines = (await response.text()).split('\n').slice(0, -1)
      if (response.status === 404) return []
      all.push(...lines)
      from = lines.length === 0 ? null : response.headers.get('millrace-next')
    }
    return all
  }

  async function deadLetters(key: string): Promise<DeadLetter[]> {
    const response = await ask(`/v1/dead-letters?stream=${encodeURIComponent(key)}`)
    const { dead_letters } = (await response.json()) as { dead_letters: DeadLetter[] }
    return dead_letters
  }

  return {
    head,
    payloads,
    deadLetters,
    count: async (key: string) => (await head(key))?.count ?? 0,
    async produce(key: string, texts: readonly string[], epoch?: number): Promise<void> {
      const query = new URLSearchParams({ stream: key, ...(epoch === undefined ? {} : { epoch: String(epoch) }) })
      const response = await ask(`/v1/events?${query}`, { method: 'POST', body: texts.join('\n') })
      if (response.status !== 200) throw new Error(`the other producer was refused: ${await response.text()}`)
    },
    async remove(key: string): Promise<void> {
      const response = await ask(path(key), { method: 'DELETE' })
      if (!response.ok) throw new Error(`stream ${key} was not deleted: ${await response.text()}`)
    },
  }
}
