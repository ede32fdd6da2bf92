import type { Writer } from '../wire/writer.ts'
import { type Column, same } from './arrow/column.ts'
import { readAttributes, writeNumber, writeText } from './attributes.ts'
import { idsOf } from './ids.ts'
import { request, resource, resourceGroup, scope, scopeGroup } from './otlp.ts'
import type { Table } from './table.ts'

const alike = { nulls: true, numeric: false }

/**
 * Writes the request: rows of the root table in their order, each within its resource and scope, which begin anew where
 * they change from one row to the next.
 *
 * @param record writes one row as a record of the scope, `scopeGroup.records`
 */
export function writeGroups(
  writer: Writer,
  root: Table,
  resourceAttributes: Table | null,
  scopeAttributes: Table | null,
  record: (row: number) => void,
): void {
  const resourceUrl = root.column('resource.schema_url', 'utf8')
  const resourceDropped = root.column('resource.dropped_attributes_count', 'uint32')
  const scopeName = root.column('scope.name', 'utf8')
  const scopeVersion = root.column('scope.version', 'utf8')
  const scopeDropped = root.column('scope.dropped_attributes_count', 'uint32')
  const scopeUrl = root.column('schema_url', 'utf8')
  const resourceIds = idsOf(root, 'resource.id')
  const scopeIds = idsOf(root, 'scope.id')
  const writeResourceAttributes = readAttributes(resourceAttributes)
  const writeScopeAttributes = readAttributes(scopeAttributes)

  const isNew = (row: number, ids: Float64Array | null, columns: (Column | null)[]): boolean =>
    row === 0 ||
    (ids !== null && ids[row] !== ids[row - 1]) ||
    columns.some(column => column !== null && !same(column, row, row - 1, alike))
  const ofResource = [resourceUrl, resourceDropped]
  const ofScope = [scopeName, scopeVersion, scopeDropped, scopeUrl]

  const writeResource = (row: number): void => {
    const mark = writer.open(resourceGroup.resource, 2)
    if (resourceIds !== null) writeResourceAttributes(writer, resource.attributes, resourceIds[row]!)
    writeNumber(writer, resource.droppedAttributesCount, resourceDropped, row)
    writer.close(mark)
    writeText(writer, resourceGroup.schemaUrl, resourceUrl, row)
  }

  const writeScope = (row: number): void => {
    const mark = writer.open(scopeGroup.scope, 1)
    writeText(writer, scope.name, scopeName, row)
    writeText(writer, scope.version, scopeVersion, row)
    if (scopeIds !== null) writeScopeAttributes(writer, scope.attributes, scopeIds[row]!)
    writeNumber(writer, scope.droppedAttributesCount, scopeDropped, row)
    writer.close(mark)
    writeText(writer, scopeGroup.schemaUrl, scopeUrl, row)
  }

  let inResource = -1
  let inScope = -1
  for (let row = 0; row < root.rows; row++) {
    const newResource = isNew(row, resourceIds, ofResource)
    const newScope = newResource || isNew(row, scopeIds, ofScope)
    if (newScope && row > 0) writer.close(inScope)
    if (newResource && row > 0) writer.close(inResource)
    if (newResource) {
      inResource = writer.open(request.resources, 4)
      writeResource(row)
    }
    if (newScope) {
      inScope = writer.open(resourceGroup.scopes, 4)
      writeScope(row)
    }
    record(row)
  }
  if (root.rows > 0) {
    writer.close(inScope)
    writer.close(inResource)
  }
}
