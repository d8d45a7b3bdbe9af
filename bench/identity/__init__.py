"""What an object is, by its kind and its colours, as far as networks that come with the install can tell."""
