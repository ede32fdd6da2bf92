import type { GrpcServices } from './contract.ts'
import { descriptors } from './descriptors.ts'
import { type HealthStatus, healthService } from './health.ts'
import { reflectionServices } from './reflection.ts'

export interface StandardOptions {
  /** asked for every Check, and twice a second for a Watch */
  status: () => HealthStatus
  /** encoded FileDescriptorProtos beside those of `proto/` */
  descriptors?: readonly Uint8Array[]
}

/** `services`, and beside them grpc.health.v1 and reflection (v1, v1alpha), which show those as well as themselves. */
export function withStandardServices(services: GrpcServices, options: StandardOptions): GrpcServices {
  const all = () => [
    ...Object.values(descriptors).map(text => Buffer.from(text, 'base64')),
    ...(options.descriptors ?? []),
  ]
  const names = Object.keys(services)
  const health = healthService(options.status, names)
  const listed = [...names, ...Object.keys(health)]
  const reflection = reflectionServices(all, listed)
  listed.push(...Object.keys(reflection))
  return { ...services, ...health, ...reflection }
}
