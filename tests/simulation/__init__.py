"""Two independent readings of one pipeline, held against each other.

`generate` makes pipeline files at random. `language` says what a file means, from the words of docs/language.md alone;
`backend` executes the compiled file as the backends of Kubeflow Pipelines and Vertex AI do. Both ask one `world` what a
program makes of its inputs, so both must run the same programs with the same inputs, in an order that the edges allow.
`compare` runs both, `minimise` makes a failing file small, `mutants` breaks compiled files on purpose.

`engine` holds the local engine's flow against `backend` in the same way, on compiled files and on `documents` with what
hpc never writes; `ways` are other ways through a run, `slips` mistakes planted in the engine.

By hand, thousands at a time: `cd tests && python -m simulation --count 10000 --seed 7`, also with `--engine`.
"""
