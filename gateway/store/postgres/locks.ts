/** Namespace of our advisory locks that are no ids (`mill`): 1 is held by migrations, 2 by who makes partitions. */
export const lockKey = 0x6d696c6c
