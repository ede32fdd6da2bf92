/** The name as SQLite compares it: letters of ASCII are equal in any case, and no others. */
export const folded = (name: string): string => name.replace(/[A-Z]/g, letter => letter.toLowerCase())

export const sameName = (a: string, b: string): boolean => folded(a) === folded(b)
