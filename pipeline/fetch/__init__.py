"""Fetches raw dumps over HTTP or from object stores: plans name the files, downloads bring them, verified."""
