"""What may stay in the corpus: pure functions over Arrow batches."""
