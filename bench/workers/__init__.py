"""Work in processes of their own: what hangs, crashes or leaks there costs its own task, and is named."""
