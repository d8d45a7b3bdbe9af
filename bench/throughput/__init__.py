"""How fast a generator is and what it costs: time, memory, floating-point work. Never a score of its pictures."""
