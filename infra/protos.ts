import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import protobuf from 'protobufjs'
import descriptor, {
  type IDescriptorProto,
  type IFileDescriptorProto,
  type IFileDescriptorSet,
} from 'protobufjs/ext/descriptor.js'

/**
 * Compiles the `.proto` texts of the gRPC server into the descriptors that it shows by reflection.
 * `node infra/protos.ts` writes them; a test keeps them true.
 */

const root = join(dirname(fileURLToPath(import.meta.url)), '../gateway/node/grpc')
export const descriptorsFile = join(root, 'descriptors.ts')

/** The text of `descriptors.ts`. */
export function renderDescriptors(): string {
  const files = compile().map(file => {
    const bytes = descriptor.FileDescriptorProto.encode(file).finish()
    return `  '${file.name}':\n    '${Buffer.from(bytes).toString('base64')}',\n`
  })
  return `/** Made by \`node infra/protos.ts\` from \`proto/\`: name of a file, base64 of its encoded FileDescriptorProto. */
export const descriptors = {
${files.join('')}} as const
`
}

function compile(): IFileDescriptorProto[] {
  const all = new protobuf.Root()
  const imports = new Map<string, string[]>()
  for (const name of globSync('**/*.proto', { cwd: join(root, 'proto') }).sort()) {
    const parsed = protobuf.parse(readFileSync(join(root, 'proto', name), 'utf8'), all, { keepCase: true })
    all.lookup(parsed.package!)!.filename = name
    imports.set(name, parsed.imports ?? [])
  }
  all.resolveAll()
  const set = (all as unknown as { toDescriptor(edition: string): IFileDescriptorSet }).toDescriptor('proto3')
  for (const file of set.file!) {
    file.dependency = imports.get(file.name!)
    for (const message of file.messageType!) nameTypes(message, all.lookupType(`${file.package}.${message.name}`))
  }
  return set.file!.sort((a, b) => (a.name! < b.name! ? -1 : 1))
}

/** protobufjs leaves the names of types as they were written; protoc gives full ones, and map entries another name. */
function nameTypes(message: IDescriptorProto, type: protobuf.Type): void {
  type.fieldsArray.forEach((field, i) => {
    const proto = message.field![i]!
    delete proto.options
    if (field instanceof protobuf.MapField) {
      const entry = message.nestedType!.find(nested => nested.options?.mapEntry && nested.name === proto.typeName)!
      entry.name += 'Entry'
      proto.typeName = `${type.fullName}.${entry.name}`
      if (field.resolvedType !== null) entry.field![1]!.typeName = field.resolvedType.fullName
    } else if (field.resolvedType !== null) proto.typeName = field.resolvedType.fullName
  })
  for (const nested of message.nestedType!)
    if (!nested.options?.mapEntry) nameTypes(nested, type.lookupType(nested.name!))
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(descriptorsFile, renderDescriptors())
