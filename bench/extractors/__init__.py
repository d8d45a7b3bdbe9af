"""Pictures to features: frozen networks, pinned by the hash of their weights."""
