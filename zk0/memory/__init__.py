"""The memory bank: facts with their provenance as one file each, and the pages rendered from them."""
