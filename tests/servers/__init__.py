"""Real servers for the tests: Postgres, Valkey and S3, each from a wheel, each started once a run.

`postgres`, `valkey` and `s3` start one server each; `pool` keeps those of a run; `plugin` hands them to tests.
A server lives in a folder of its own and never outlives the process that started it, however that one ends.
"""
