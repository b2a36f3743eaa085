"""The live feed: current engagement and pipeline health."""
