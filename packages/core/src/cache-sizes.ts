/** Bytes of filters' bitmaps that a collection keeps at most. */
export const filterCacheBytes = 16 << 20
