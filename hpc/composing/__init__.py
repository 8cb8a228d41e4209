"""Asks real Hydra: questions of the compiler enter, answers leave. Hydra itself runs in a process of its own.

So neither a plugin nor a user's structured configs can touch the process that compiles, which never imports Hydra;
and what was answered once is kept, under the content of everything that the answer came from.
"""
