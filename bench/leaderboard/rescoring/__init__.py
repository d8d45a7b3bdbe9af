"""What of a leaderboard computes: published pictures are opened with care and measured again."""
