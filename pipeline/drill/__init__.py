"""The failure drill: a run is hurt again and again, and has to end with the bytes of one that was left in peace."""
