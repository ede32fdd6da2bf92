import { DataType } from 'apache-arrow'

/** What values are like, whatever their type is called; `json`: lists, structs and maps. */
export type Kind =
  | 'integer'
  | 'uint64'
  | 'boolean'
  | 'real'
  | 'decimal'
  | 'text'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'blob'
  | 'json'

export function kindOf(type: DataType): Kind {
  if (DataType.isBool(type)) return 'boolean'
  if (DataType.isInt(type)) return type.bitWidth === 64 && !type.isSigned ? 'uint64' : 'integer'
  if (DataType.isFloat(type)) return 'real'
  if (DataType.isDecimal(type)) return 'decimal'
  if (DataType.isDate(type)) return 'date'
  if (DataType.isTime(type)) return 'time'
  if (DataType.isTimestamp(type)) return 'timestamp'
  if (DataType.isBinary(type) || DataType.isLargeBinary(type) || DataType.isFixedSizeBinary(type)) return 'blob'
  if (type.children?.length > 0) return 'json'
  return 'text'
}
