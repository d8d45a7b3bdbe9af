"""An entry in the formats of others, so that its numbers go where people look for them.

Each function takes an entry, the pin of its suite and `Places` (addresses that an entry cannot know), and returns the
text of a file.
"""
