"""What editors may learn from: funnel, audience, effects."""
