"""Where media lives: a folder, or S3."""
