"""transformers in this process: one thread computes, one batch of rows for all callers."""
