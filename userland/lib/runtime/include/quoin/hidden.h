/*
 * Included before everything in native code: a task is one static image, so no symbol is reached
 * through the global offset table.
 */
#pragma GCC visibility push(hidden)
