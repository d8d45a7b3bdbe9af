"""The embedded world: parametric objects with prompts, in a flat synthetic look and in one made from photographs."""
