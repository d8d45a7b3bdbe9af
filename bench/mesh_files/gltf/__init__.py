"""glTF 2.0 and GLB, read from the JSON itself: what general readers pass over in silence is honoured or refused."""
