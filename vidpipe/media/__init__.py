"""Files of film: probing, decoding, checking and stitching them. Knows no rows and no services."""
