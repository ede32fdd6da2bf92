import { noText } from './pool.ts'
import type { Request } from './request.ts'
import type { TableRows } from './table.ts'
import { ascii } from './text.ts'
import { fields } from './wire.ts'

/*
 * message Resource             { repeated KeyValue attributes = 1; uint32 dropped_attributes_count = 2; }
 * message InstrumentationScope { string name = 1; string version = 2; repeated KeyValue attributes = 3; uint32 dropped_attributes_count = 4; }
 */
const RESOURCE_ATTRIBUTE = 0x0a
const resourceFields = fields(1)
const SCOPE_NAME = 0x0a
const SCOPE_VERSION = 0x12
const SCOPE_ATTRIBUTE = 0x1a
const scopeFields = fields(1, 2, 3)

const serviceName = ascii('service.name')
const serviceNamespace = ascii('service.namespace')
const serviceInstanceId = ascii('service.instance.id')
const unknown = ascii('unknown')

/** Where a table has what its rows share; the promoted attributes stand behind its own columns. */
export type HeadColumns = Record<
  | 'service_name'
  | 'service_namespace'
  | 'service_instance_id'
  | 'resource_attributes'
  | 'scope_name'
  | 'scope_version'
  | 'scope_attributes'
  | 'schema_url',
  number
>

/** Where the pieces of a message are (start, end, start, end …): one that comes twice is merged. */
export type Pieces = readonly number[]

/** What a resource and a scope give to each row under them: numbers of texts in the pool. */
export class Head {
  private readonly request: Request
  private readonly promote: { key: Uint8Array; name: string }[]
  private serviceName = noText
  private serviceNamespace = noText
  private serviceInstanceId = noText
  private resourceAttributes = noText
  private readonly promoted: number[]
  private scopeName = noText
  private scopeVersion = noText
  private scopeAttributes = noText
  private schemaUrl = noText
  /** counts up with each scope */
  version = 0

  constructor(request: Request) {
    this.request = request
    this.promote = request.promote.map(name => ({ key: new TextEncoder().encode(name), name }))
    this.promoted = this.promote.map(() => noText)
  }

  readResource(pieces: Pieces): void {
    const { wire, pool, attributes } = this.request
    const list = attributes.open()
    for (let k = 0; k < pieces.length; k += 2) {
      const end = pieces[k + 1]!
      let at = pieces[k]!
      while (at < end) {
        wire.pos = at
        const tag = wire.tag(end)
        if (tag === RESOURCE_ATTRIBUTE) {
          at = wire.length(end)
          attributes.add(wire.pos, at)
        } else {
          wire.skip(tag, end, resourceFields)
          at = wire.pos
        }
      }
    }
    const name = attributes.find(list, serviceName, 'service.name')
    this.serviceName = name === noText ? pool.intern(unknown, 0, unknown.length, 'service.name') : name
    this.serviceNamespace = attributes.find(list, serviceNamespace, 'service.namespace')
    this.serviceInstanceId = attributes.find(list, serviceInstanceId, 'service.instance.id')
    for (let k = 0; k < this.promote.length; k++)
      this.promoted[k] = attributes.find(list, this.promote[k]!.key, this.promote[k]!.name)
    this.resourceAttributes = attributes.seal(list, 'resource attributes', this.resourceAttributes)
  }

  readScope(pieces: Pieces): void {
    const { wire, pool, attributes } = this.request
    const list = attributes.open()
    this.scopeName = noText
    this.scopeVersion = noText
    let name = 0
    let nameEnd = 0
    let version = 0
    let versionEnd = 0
    for (let k = 0; k < pieces.length; k += 2) {
      const end = pieces[k + 1]!
      let at = pieces[k]!
      while (at < end) {
        wire.pos = at
        const tag = wire.tag(end)
        if (tag === SCOPE_NAME || tag === SCOPE_VERSION || tag === SCOPE_ATTRIBUTE) {
          at = wire.length(end)
          if (tag === SCOPE_NAME) {
            name = wire.pos
            nameEnd = at
          } else if (tag === SCOPE_VERSION) {
            version = wire.pos
            versionEnd = at
          } else attributes.add(wire.pos, at)
        } else {
          wire.skip(tag, end, scopeFields)
          at = wire.pos
        }
      }
    }
    if (name < nameEnd) this.scopeName = pool.intern(wire.bytes, name, nameEnd, 'scope name')
    if (version < versionEnd) this.scopeVersion = pool.intern(wire.bytes, version, versionEnd, 'scope version')
    this.scopeAttributes = attributes.seal(list, 'scope attributes', this.scopeAttributes)
    this.version++
  }

  readSchemaUrl(start: number, end: number): void {
    const { wire, pool } = this.request
    this.schemaUrl = start === end ? noText : pool.intern(wire.bytes, start, end, 'schema_url')
  }

  /** Writes the shared texts into the template of a table, where they are not there yet. */
  apply(rows: TableRows, columns: HeadColumns): void {
    if (rows.head === this.version) return
    rows.head = this.version
    rows.templateText(columns.service_name, this.serviceName)
    rows.templateText(columns.service_namespace, this.serviceNamespace)
    rows.templateText(columns.service_instance_id, this.serviceInstanceId)
    rows.templateText(columns.resource_attributes, this.resourceAttributes)
    rows.templateText(columns.scope_name, this.scopeName)
    rows.templateText(columns.scope_version, this.scopeVersion)
    rows.templateText(columns.scope_attributes, this.scopeAttributes)
    rows.templateText(columns.schema_url, this.schemaUrl)
    const first = rows.width - this.promoted.length
    for (let k = 0; k < this.promoted.length; k++) rows.templateText(first + k, this.promoted[k]!)
  }
}
