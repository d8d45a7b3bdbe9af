"""Pictures to surface normals: frozen networks that say what shape a picture shows."""
