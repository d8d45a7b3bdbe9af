"""Code of others at the door: which classes fit, what is asked of them, and what their failures may cost."""
