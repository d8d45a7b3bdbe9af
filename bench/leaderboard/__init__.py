"""A leaderboard: a git repository of entries that anybody can reproduce, submit, correct and withdraw.

    entries/<suite>-v<version>/suite.json                              the question: cases, seeds, signatures
    entries/<suite>-v<version>/<developer>__<model>/<entry-id>.json    an entry
    entries/<suite>-v<version>/<developer>__<model>/<entry-id>.parquet its values by object
    entries/<suite>-v<version>/<developer>__<model>/<entry-id>.webp    a contact sheet of some objects, if there is one

Everything here reads files alone: no torch, no models. Only `rescoring/` measures.
"""
