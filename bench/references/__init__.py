"""Reference sets: real pictures, boiled down to pinned features."""
