"""Measurements, as ratios to a floor taken in the same run: machines differ, ratios less so."""
