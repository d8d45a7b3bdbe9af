"""Intervals, paired tests and ties. The unit is the object: views and seeds are averaged before they come here."""
