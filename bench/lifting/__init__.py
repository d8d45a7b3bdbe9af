"""From views back to an object: the silhouettes' visual hull, and reconstruction networks behind one interface."""
