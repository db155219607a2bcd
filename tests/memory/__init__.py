"""The memory bank: entries, their store, and the pages rendered from them."""
