import { fieldsOf, textOf, type WireField } from './wire.ts'

/** What reflection needs to know of a FileDescriptorProto (google/protobuf/descriptor.proto). */
export interface FileSymbols {
  /** as others import it */
  name: string
  dependencies: string[]
  /** full names of its messages, fields, oneofs, enums, their values, services and methods */
  symbols: string[]
  /** full names of its messages */
  messages: string[]
  services: string[]
}

export function symbolsOf(descriptor: Uint8Array): FileSymbols {
  const file: FileSymbols = { name: '', dependencies: [], symbols: [], messages: [], services: [] }
  const fields = [...fieldsOf(descriptor)]
  const last = (number: number) => fields.findLast(field => field.number === number)
  file.name = nameOf(last(1))
  const scope = nameOf(last(2))

  function declare(parent: string, name: string): string {
    const full = parent === '' ? name : `${parent}.${name}`
    file.symbols.push(full)
    return full
  }

  function message(parent: string, bytes: Uint8Array): void {
    const full = declare(parent, named(bytes))
    file.messages.push(full)
    for (const field of fieldsOf(bytes)) {
      if (field.number === 2 || field.number === 8) declare(full, named(field.bytes))
      else if (field.number === 3) message(full, field.bytes)
      else if (field.number === 4) enumeration(full, field.bytes)
    }
  }

  /** Values belong to the scope that the enum stands in. */
  function enumeration(parent: string, bytes: Uint8Array): void {
    declare(parent, named(bytes))
    for (const field of fieldsOf(bytes)) if (field.number === 2) declare(parent, named(field.bytes))
  }

  function service(bytes: Uint8Array): void {
    const full = declare(scope, named(bytes))
    file.services.push(full)
    for (const field of fieldsOf(bytes)) if (field.number === 2) declare(full, named(field.bytes))
  }

  for (const { number, bytes } of fields) {
    if (number === 3) file.dependencies.push(textOf(bytes))
    else if (number === 4) message(scope, bytes)
    else if (number === 5) enumeration(scope, bytes)
    else if (number === 6) service(bytes)
  }
  return file
}

/** Field 1 of every descriptor is its name. */
function named(bytes: Uint8Array): string {
  for (const field of fieldsOf(bytes)) if (field.number === 1) return textOf(field.bytes)
  return ''
}

const nameOf = (field: WireField | undefined) => (field === undefined ? '' : textOf(field.bytes))
