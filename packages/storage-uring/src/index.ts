export type { UringStorageOptions, UringTuning } from './options.js'
export { type UringStats, UringStorage, uringStorage } from './storage.js'
export { denyVariable, isSupported, type Support, type UnsupportedCode } from './support.js'
