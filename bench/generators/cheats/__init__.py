"""Generators that try to win without doing what was asked: what the shipped suites' primaries are held against."""
