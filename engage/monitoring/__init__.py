"""`engage monitor`: what is wrong or unusual, and whom it is told."""
