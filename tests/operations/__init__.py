"""What use cases do to a store, as rules for Hypothesis: in any order, on several stores at once, which must agree.

`machine` commits and compares, `accounts`, `history`, `work` and `batches` change things, `reading` looks at them.
"""
