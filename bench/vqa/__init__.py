"""Networks that answer questions about pictures, for scores that ask whether a picture shows what it should."""
