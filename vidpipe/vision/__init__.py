"""Eyes: what can be measured in a clip. Measuring only; what a measure is worth is domain/scoring.py."""
