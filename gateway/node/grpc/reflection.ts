import type { GrpcMethod, GrpcServices } from './contract.ts'
import { GrpcError, grpcStatus } from './status.ts'
import { type FileSymbols, symbolsOf } from './symbols.ts'
import { bytesField, fieldsOf, message, numberField, textField, textOf, type WireField } from './wire.ts'

/** grpc.reflection.v1, and the same as v1alpha, which most clients still speak; see proto/grpc/reflection. */

/** Fields of ServerReflectionRequest. */
const request = {
  fileByFilename: 3,
  fileContainingSymbol: 4,
  extension: 5,
  extensionNumbers: 6,
  listServices: 7,
} as const
/** Fields of ServerReflectionResponse. */
const response = { host: 1, request: 2, files: 4, extensionNumbers: 5, services: 6, error: 7 } as const

/** `descriptors` makes encoded FileDescriptorProtos; it is called at the first request. `names` are the services to list. */
export function reflectionServices(descriptors: () => readonly Uint8Array[], names: readonly string[]): GrpcServices {
  let index: ReturnType<typeof indexOf> | undefined

  const info: GrpcMethod = {
    kind: 'bidi',
    async handle(_call, messages, send) {
      index ??= indexOf(descriptors())
      for await (const asked of messages) {
        const fields = parse(asked)
        const host = fields.findLast(({ number }) => number === 1)
        await send(
          message(
            host && bytesField(response.host, host.bytes),
            bytesField(response.request, asked),
            answer(
              index,
              fields.findLast(({ number }) => number >= 3 && number <= 7),
              names,
            ),
          ),
        )
      }
    },
  }

  const service = { ServerReflectionInfo: info }
  return { 'grpc.reflection.v1.ServerReflection': service, 'grpc.reflection.v1alpha.ServerReflection': service }
}

interface IndexedFile extends FileSymbols {
  descriptor: Uint8Array
}

function indexOf(descriptors: readonly Uint8Array[]) {
  const files = descriptors.map(descriptor => ({ ...symbolsOf(descriptor), descriptor }))
  return {
    byName: new Map(files.map(file => [file.name, file])),
    bySymbol: new Map(files.flatMap(file => file.symbols.map(symbol => [symbol, file] as const))),
    messages: new Set(files.flatMap(file => file.messages)),
  }
}

function answer(index: ReturnType<typeof indexOf>, asked: WireField | undefined, names: readonly string[]): Uint8Array {
  const text = textOf(asked?.bytes ?? new Uint8Array())
  switch (asked?.number) {
    case request.fileByFilename:
      return fileResponse(index, index.byName.get(text), `file ${JSON.stringify(text)}`)
    case request.fileContainingSymbol:
      return fileResponse(index, index.bySymbol.get(text.replace(/^\./, '')), `symbol ${JSON.stringify(text)}`)
    case request.extensionNumbers:
      if (!index.messages.has(text.replace(/^\./, ''))) return notFound(`message ${JSON.stringify(text)}`)
      return bytesField(response.extensionNumbers, textField(1, text))
    case request.extension:
      return notFound('extension')
    case request.listServices:
      return bytesField(response.services, message(...names.map(name => bytesField(1, textField(1, name)))))
    default:
      return error(grpcStatus.invalid_argument, 'the request asks for nothing that is known here')
  }
}

/** The file and all that it imports, itself first. */
function fileResponse(index: ReturnType<typeof indexOf>, file: IndexedFile | undefined, what: string): Uint8Array {
  if (file === undefined) return notFound(what)
  const found = new Set([file])
  for (const { dependencies } of found)
    for (const name of dependencies) {
      const next = index.byName.get(name)
      if (next !== undefined) found.add(next)
    }
  return bytesField(response.files, message(...Array.from(found, ({ descriptor }) => bytesField(1, descriptor))))
}

const notFound = (what: string) => error(grpcStatus.not_found, `no such ${what}`)

const error = (code: number, text: string) =>
  bytesField(response.error, message(numberField(1, code), textField(2, text)))

function parse(asked: Uint8Array): WireField[] {
  try {
    return [...fieldsOf(asked)]
  } catch (cause) {
    throw new GrpcError(grpcStatus.invalid_argument, `the request is no protobuf: ${(cause as Error).message}`)
  }
}
