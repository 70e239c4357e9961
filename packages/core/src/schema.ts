// What a collection is created with, and whether what a caller asks for fits what exists.
import { AnnulusError, type Metric } from '@annulus/native'
import { type Quantizer, type QuantizerSettings, quantizerFrom } from '@annulus/quantization'
import type { CollectionConfig } from './collection-config.js'
import { limits } from './limits.js'
import { type CollectionOptions, checkNames, integer, invalid, metric } from './options.js'

const defaultM = 16
const defaultEfConstruct = 128
const controlCharacter = /\p{Cc}|\p{Surrogate}/u

export function checkName(name: unknown): string {
  if (typeof name !== 'string' || name.length === 0 || controlCharacter.test(name)) {
    throw invalid('a collection name must be a non-empty string without control characters', 'name')
  }
  if (name.length <= limits.nameLengthMax) return name
  throw new AnnulusError(
    'ANNULUS_LIMIT',
    `a collection name may have at most ${limits.nameLengthMax} characters`,
  )
}

/** @throws AnnulusError `ANNULUS_NOT_FOUND` without a dimension: the collection does not exist yet. */
export function newConfig(
  name: string,
  options: CollectionOptions,
): Omit<CollectionConfig, 'number'> {
  if (options.dimension === undefined) {
    throw new AnnulusError(
      'ANNULUS_NOT_FOUND',
      `there is no collection ${JSON.stringify(name)}; give a dimension to create it`,
      {
        details: { collection: name },
      },
    )
  }
  const config = { ...defaults, ...asked(options), dimension: dimension(options.dimension), name }
  checkMetric(config.metric, options.quantization)
  return config
}

const defaults = {
  metric: 'cosine',
  quantization: 'scalar',
  quantizationSettings: {},
  m: defaultM,
  efConstruct: defaultEfConstruct,
  indexedFields: [],
} as const

/** @throws AnnulusError `ANNULUS_DIMENSION` or `ANNULUS_EXISTS` when an option contradicts what exists. */
export function checkConfig(config: CollectionConfig, options: CollectionOptions): void {
  if (options.dimension !== undefined && dimension(options.dimension) !== config.dimension) {
    throw new AnnulusError(
      'ANNULUS_DIMENSION',
      `collection ${config.name} has dimension ${config.dimension}, not ${options.dimension}`,
      {
        details: { dimension: config.dimension, actual: options.dimension },
      },
    )
  }
  const wanted = asked(options)
  for (const [option, value] of Object.entries(wanted)) {
    const existing: unknown = Reflect.get({ quantizationSettings: {}, ...config }, option)
    if (JSON.stringify(existing) === JSON.stringify(value)) continue
    throw new AnnulusError(
      'ANNULUS_EXISTS',
      `collection ${config.name} was created with ${option} ${JSON.stringify(existing)}, not ${JSON.stringify(value)}`,
      {
        details: { option, expected: existing, actual: value },
      },
    )
  }
}

/** The quantizer to train with. */
export function quantizerOf(config: CollectionConfig, options: CollectionOptions): Quantizer {
  if (options.quantization !== undefined) return options.quantization
  const quantizer = quantizerFrom(config.quantization, config.quantizationSettings)
  if (quantizer !== undefined) return quantizer
  throw new AnnulusError(
    'ANNULUS_UNSUPPORTED',
    `collection ${config.name} uses ${config.quantization} codes; pass that quantizer to open it`,
    {
      details: { quantization: config.quantization },
    },
  )
}

/** The settings that the caller named, checked. */
function asked(options: CollectionOptions) {
  const { quantization, hnsw, indexedFields } = options
  if (hnsw !== undefined) checkNames(hnsw, ['m', 'efConstruct'], 'hnsw')
  return {
    ...(options.metric === undefined ? {} : { metric: metric(options.metric) }),
    ...(quantization === undefined ? {} : askedCodes(quantization)),
    ...(hnsw?.m === undefined ? {} : { m: integer(hnsw.m, 'hnsw.m', 4, 128) }),
    ...(hnsw?.efConstruct === undefined
      ? {}
      : { efConstruct: integer(hnsw.efConstruct, 'hnsw.efConstruct', 1, 65_536) }),
    ...(indexedFields === undefined ? {} : { indexedFields: fieldNames(indexedFields) }),
  }
}

function dimension(value: unknown): number {
  return integer(value, 'dimension', 1, limits.dimensionMax)
}

function askedCodes(quantization: Quantizer) {
  const kind = kindOf(quantization)
  return { quantization: kind, quantizationSettings: settingsOf(quantization) }
}

/** Settings in the order of their names, so that equal ones look equal. */
function settingsOf({ settings = {} }: Quantizer): QuantizerSettings {
  const entries = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries)
}

/** Before anything is created: training would fail in the background. */
function checkMetric(wanted: Metric, quantization: Quantizer | undefined): void {
  if (quantization?.metrics?.includes(wanted) !== false) return
  throw new AnnulusError(
    'ANNULUS_UNSUPPORTED',
    `${quantization.kind} codes know no ${wanted} distances, only ${quantization.metrics.join(', ')}`,
    { details: { option: 'quantization', metric: wanted } },
  )
}

function kindOf(quantization: unknown): string {
  if (typeof quantization === 'object' && quantization !== null && 'kind' in quantization) {
    if (typeof quantization.kind === 'string') return quantization.kind
  }
  throw invalid('quantization must be a quantizer such as scalar() or none()', 'quantization')
}

function fieldNames(fields: unknown): string[] {
  const strings = (value: unknown): value is string[] =>
    Array.isArray(value) && value.every((field) => typeof field === 'string' && field.length > 0)
  if (!strings(fields))
    throw invalid('indexedFields must be an array of field names', 'indexedFields')
  const unique = [...new Set(fields)].sort()
  if (
    unique.length <= limits.indexedFieldsMax &&
    unique.every((field) => field.length <= limits.fieldLengthMax)
  )
    return unique
  throw new AnnulusError(
    'ANNULUS_LIMIT',
    `at most ${limits.indexedFieldsMax} fields of ${limits.fieldLengthMax} characters can be indexed`,
  )
}
