"""What all HTTP services and side ports share: who may come in, how large and how often."""
